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


# Each selects (member, rule) for what does not hold.
_BALANCES = """
WITH line AS (
    SELECT user_id, sum(points) AS points,
           sum(CASE WHEN transaction_type IN ('earned', 'reversed') THEN points
                    WHEN transaction_type = 'adjusted' THEN greatest(points, 0)
                    WHEN transaction_type = 'opening' THEN lifetime_points
                    ELSE 0 END) AS lifetime
    FROM points_transactions GROUP BY user_id
), lot AS (
    SELECT user_id, coalesce(sum(remaining) FILTER (WHERE matured), 0) AS matured,
           coalesce(sum(remaining) FILTER (WHERE NOT matured), 0) AS pending
    FROM point_lots GROUP BY user_id
), book AS (
    SELECT user_id, p.user_id IS NOT NULL AS has_account,
           coalesce(p.current_points, 0) AS current_points, coalesce(p.pending_points, 0) AS pending_points,
           coalesce(p.debt_points, 0) AS debt_points, coalesce(p.lifetime_points, 0) AS lifetime_points,
           coalesce(line.points, 0) AS points, coalesce(line.lifetime, 0) AS lifetime,
           coalesce(lot.matured, 0) AS matured, coalesce(lot.pending, 0) AS pending
    FROM user_points p FULL JOIN line USING (user_id) FULL JOIN lot USING (user_id)
)
SELECT user_id, rule FROM book CROSS JOIN LATERAL (VALUES
    ('who has ledger lines or lots has an account', has_account),
    ('current + pending - debt = sum of ledger points',
     current_points + pending_points - debt_points = points),
    ('current = sum of what is left in matured lots', current_points = matured),
    ('pending = sum of what is left in the other lots', pending_points = pending),
    ('current = 0 or debt = 0', current_points = 0 OR debt_points = 0),
    ('lifetime = earned + opening + adjusted up - reversed', lifetime_points = lifetime)
) checked (rule, holds)
WHERE NOT holds
"""

_LOTS = """
SELECT l.user_id, 'points of a lot = what is left + net allocations'
FROM point_lots l
LEFT JOIN (SELECT lot_id, sum(points) AS points FROM lot_allocations GROUP BY lot_id) a ON a.lot_id = l.id
WHERE l.points <> l.remaining + coalesce(a.points, 0)
"""

_LINES = """
SELECT t.user_id, 'points of a spend or an expiry = sum of its allocations'
FROM points_transactions t
LEFT JOIN (SELECT transaction_id, sum(points) AS points FROM lot_allocations GROUP BY transaction_id) a
       ON a.transaction_id = t.id
WHERE t.transaction_type IN ('redeemed', 'expired') AND -t.points <> coalesce(a.points, 0)
"""

_SHARES = """
SELECT t.user_id, 'a reversal or a taking has no more allocations than points'
FROM points_transactions t
LEFT JOIN (SELECT transaction_id, sum(points) AS points FROM lot_allocations GROUP BY transaction_id) a
       ON a.transaction_id = t.id
WHERE t.points < 0 AND t.transaction_type IN ('reversed', 'adjusted', 'opening')
  AND coalesce(a.points, 0) NOT BETWEEN 0 AND -t.points
UNION ALL
SELECT t.user_id, 'a credit is its lot and what it gave back to others'
FROM points_transactions t
LEFT JOIN point_lots l ON l.transaction_id = t.id
LEFT JOIN (SELECT transaction_id, sum(points) AS points FROM lot_allocations WHERE points < 0
           GROUP BY transaction_id) a ON a.transaction_id = t.id
WHERE t.points > 0 AND t.points <> coalesce(l.points, 0) - coalesce(a.points, 0)
"""

_OWNERS = """
SELECT t.user_id, 'a lot belongs to the member of its line'
FROM point_lots l JOIN points_transactions t ON t.id = l.transaction_id
WHERE l.user_id <> t.user_id
UNION ALL
SELECT l.user_id, 'a lot matures no sooner than its time'
FROM point_lots l JOIN user_points p ON p.user_id = l.user_id
WHERE l.matured AND l.remaining > 0 AND l.matures_at > greatest(p.settled_at, p.created_at)
UNION ALL
SELECT a.user_id, 'an allocation belongs to the member of its lot and of its line'
FROM lot_allocations a
JOIN point_lots l ON l.id = a.lot_id JOIN points_transactions t ON t.id = a.transaction_id
WHERE a.user_id <> l.user_id OR a.user_id <> t.user_id
"""

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
    with transaction.atomic(), connection.cursor() as cursor:
        if len(connection.savepoint_ids) == 0:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        size = ledger_size()
        found: dict[str, set[int]] = {}
        for query in (_BALANCES, _LOTS, _LINES, _SHARES, _OWNERS, _VOUCHERS):
            cursor.execute(query)
            for user_id, rule in cursor.fetchall():
                found.setdefault(rule, set()).add(user_id)
    broken = tuple(
        BrokenRule(rule, len(users), tuple(sorted(users)[:SHOWN])) for rule, users in found.items()
    )
    return AuditReport(size.members, size.transactions, size.points, broken)
