"""Proving the books: the ledger's equations over every member, in one snapshot and a few queries."""

from dataclasses import dataclass

from django.db import connection, transaction

SHOWN = 10


@dataclass(frozen=True, slots=True)
class BrokenRule:
    """An equation that does not hold: for how many members, and the first ten of them."""

    rule: str
    members: int
    first: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class LedgerSize:
    """How much the ledger holds."""

    members: int
    transactions: int
    points: int

    def __str__(self) -> str:
        return f"{self.members} members, {self.transactions} ledger lines, {self.points} points"


@dataclass(frozen=True, slots=True)
class AuditReport(LedgerSize):
    """What an audit found; clean when nothing is broken."""

    broken: tuple[BrokenRule, ...]

    @property
    def is_clean(self) -> bool:
        return not self.broken


def _query(source: str, rules: dict[str, str]) -> str:
    """Return what selects (member, rule) of each row of `source` for which a rule's condition is false.

    The first filter keeps the rules' names from being joined to millions of rows for which all of them hold.
    """
    checked = ", ".join(f"('{rule}', {holds})" for rule, holds in rules.items())
    return f"""
        SELECT user_id, rule FROM ({source}) found CROSS JOIN LATERAL (VALUES {checked}) checked (rule, holds)
        WHERE NOT ({" AND ".join(f"({holds})" for holds in rules.values())}) AND NOT holds
    """  # noqa: S608  all of it is written here


_OWNED = "an allocation belongs to the member of its lot and of its line"
_LINES_TOTAL, _POINTS_TOTAL = "lines", "points"
_BALANCES = f"""
WITH line AS MATERIALIZED (
    SELECT user_id, count(*) AS lines, sum(points) AS points,
           sum(CASE WHEN transaction_type IN ('earned', 'reversed') THEN points
                    WHEN transaction_type = 'adjusted' THEN greatest(points, 0)
                    WHEN transaction_type = 'opening' THEN lifetime_points
                    ELSE 0 END) AS lifetime
    FROM points_transactions GROUP BY user_id
), lot AS (
    SELECT user_id, coalesce(sum(remaining) FILTER (WHERE matured), 0) AS matured,
           coalesce(sum(remaining) FILTER (WHERE NOT matured), 0) AS pending
    FROM point_lots GROUP BY user_id
), broken AS ({
    _query(
        '''
        SELECT user_id, p.user_id IS NOT NULL AS has_account,
               coalesce(p.current_points, 0) AS current_points,
               coalesce(p.pending_points, 0) AS pending_points,
               coalesce(p.debt_points, 0) AS debt_points,
               coalesce(p.lifetime_points, 0) AS lifetime_points,
               coalesce(line.points, 0) AS points, coalesce(line.lifetime, 0) AS lifetime,
               coalesce(lot.matured, 0) AS matured, coalesce(lot.pending, 0) AS pending
        FROM user_points p FULL JOIN line USING (user_id) FULL JOIN lot USING (user_id)
        ''',
        {
            "who has ledger lines or lots has an account": "has_account",
            "current + pending - debt = sum of ledger points": (
                "current_points + pending_points - debt_points = points"
            ),
            "current = sum of what is left in matured lots": "current_points = matured",
            "pending = sum of what is left in the other lots": "pending_points = pending",
            "current = 0 or debt = 0": "current_points = 0 OR debt_points = 0",
            "lifetime = earned + opening + adjusted up - reversed": "lifetime_points = lifetime",
        },
    )
})
SELECT user_id, rule FROM broken
UNION ALL SELECT coalesce(sum(lines), 0), '{_LINES_TOTAL}' FROM line
UNION ALL SELECT coalesce(sum(points), 0), '{_POINTS_TOTAL}' FROM line
"""  # noqa: S608  all of it is written here

_LOTS = _query(
    """
    SELECT l.*, greatest(p.settled_at, p.created_at) AS clock, coalesce(a.points, 0) AS allocated,
           a.lowest, a.highest
    FROM point_lots l
    LEFT JOIN user_points p ON p.user_id = l.user_id
    LEFT JOIN (SELECT lot_id, sum(points) AS points, min(user_id) AS lowest, max(user_id) AS highest
               FROM lot_allocations GROUP BY lot_id) a ON a.lot_id = l.id
    """,
    {
        "points of a lot = what is left + net allocations": "points = remaining + allocated",
        "a lot matures no sooner than its time": "NOT matured OR remaining = 0 OR matures_at <= clock",
        _OWNED: "lowest = user_id AND highest = user_id",
    },
)

_LINES = _query(
    """
    SELECT t.user_id, t.transaction_type AS type, t.points,
           l.user_id AS lot_user, coalesce(l.points, 0) AS lot,
           coalesce(a.points, 0) AS allocated, coalesce(a.back, 0) AS back, a.lowest, a.highest
    FROM points_transactions t
    LEFT JOIN point_lots l ON l.transaction_id = t.id
    LEFT JOIN (SELECT transaction_id, sum(points) AS points, sum(points) FILTER (WHERE points < 0) AS back,
                      min(user_id) AS lowest, max(user_id) AS highest
               FROM lot_allocations GROUP BY transaction_id) a ON a.transaction_id = t.id
    """,
    {
        "points of a spend or an expiry = sum of its allocations": (
            "type NOT IN ('redeemed', 'expired') OR -points = allocated"
        ),
        "a reversal or a taking has no more allocations than points": (
            "points >= 0 OR type NOT IN ('reversed', 'adjusted', 'opening')"
            " OR allocated BETWEEN 0 AND -points"
        ),
        "a credit is its lot and what it gave back to others": "points <= 0 OR points = lot - back",
        "a lot belongs to the member of its line": "lot_user = user_id",
        _OWNED: "lowest = user_id AND highest = user_id",
    },
)

_VOUCHERS = """
SELECT v.user_id, 'a voucher of an option was paid for once, and is void once its points came back'
FROM user_vouchers v
LEFT JOIN (
    SELECT user_id, voucher_id, count(*) FILTER (WHERE transaction_type = 'redeemed') AS paid,
           count(*) FILTER (WHERE transaction_type = 'restored') AS back
    FROM points_transactions WHERE voucher_id IS NOT NULL GROUP BY user_id, voucher_id
) t ON t.voucher_id = v.id AND t.user_id = v.user_id
WHERE v.option_id IS NOT NULL AND (coalesce(t.paid, 0) <> 1 OR (t.back > 0 AND v.status <> 'expired'))
"""

# What a sort may take, and twice that a hash; the rest goes to disk. Whole tables are read: an index that
# jumps about in one is no short cut.
_READING_ALL = "SET LOCAL work_mem = '64MB'; SET LOCAL random_page_cost = 4"


def ledger_lines() -> int:
    """Return about how many lines the ledger has, as PostgreSQL last counted them: at once, at any size."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT reltuples FROM pg_class WHERE oid = 'points_transactions'::regclass")
        return max(0, int(cursor.fetchone()[0]))


def ledger_size() -> LedgerSize:
    """Count accounts, ledger lines and their points."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), (SELECT count(*) FROM points_transactions), "
            "(SELECT coalesce(sum(points), 0)::bigint FROM points_transactions) FROM user_points"
        )
        return LedgerSize(*cursor.fetchone())


def audit_ledger() -> AuditReport:
    """Check the equations of the ledger for every member, in one read-only snapshot."""
    found: dict[str, set[int]] = {}
    totals: dict[str, int] = {}
    with transaction.atomic(), connection.cursor() as cursor:
        if len(connection.savepoint_ids) == 0:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute(_READING_ALL)
        cursor.execute("SELECT count(*) FROM user_points")
        (members,) = cursor.fetchone()
        for query in (_BALANCES, _LOTS, _LINES, _VOUCHERS):
            cursor.execute(query)
            for value, rule in cursor.fetchall():
                if rule in (_LINES_TOTAL, _POINTS_TOTAL):
                    totals[rule] = int(value)
                else:
                    found.setdefault(rule, set()).add(value)
    broken = tuple(
        BrokenRule(rule, len(users), tuple(sorted(users)[:SHOWN])) for rule, users in found.items()
    )
    return AuditReport(members, totals[_LINES_TOTAL], totals[_POINTS_TOTAL], broken)
