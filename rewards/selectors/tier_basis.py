"""The points by which members' tiers are judged, as the programme's basis has it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import connection
from django.utils import timezone

from rewards.account import Account
from rewards.rules import year_before
from rewards.selectors.programme import ProgrammeRules

# A return counts where its earn counts: what was earned before the year can't be taken out of it. So the
# second part gives such returns back. The first reads the index `history_and_rolling_year` and no line.
ROLLING_POINTS = """
    SELECT user_id, sum(points)::bigint AS points
    FROM (
        SELECT user_id, lifetime_points AS points FROM points_transactions WHERE effective_at > %s
        UNION ALL
        SELECT t.user_id, -t.lifetime_points
        FROM points_transactions t JOIN points_transactions earn ON earn.id = t.related_id
        WHERE t.effective_at > %s AND t.lifetime_points < 0 AND earn.effective_at <= %s
    ) line
    GROUP BY user_id
"""
"""Lifetime points that each member gained after a time (given three times)."""

NO_POINTS = "SELECT 0 AS user_id, 0 AS points WHERE false"

BASIS = {
    "lifetime": "p.lifetime_points",
    "current": "p.current_points",
    "rolling_year": "greatest(coalesce(y.points, 0), 0)",
}
"""What an account `p` is judged by, where `y` has its rolling points."""

_DUE = """
    OR EXISTS (SELECT FROM point_lots l WHERE l.user_id = p.user_id AND l.remaining > 0
               AND (l.expires_at <= %s OR (NOT l.matured AND l.matures_at <= %s)))
"""


def rolling_points(at: datetime) -> tuple[str, list[Any]]:
    """Return the query of every member's points of the year before `at`, and its parameters."""
    since = year_before(at, timezone.get_default_timezone())
    return ROLLING_POINTS, [since, since, since]


def misplaced_members(programme: ProgrammeRules, *, first: int, last: int, at: datetime) -> list[int]:
    """Return who of the ids first..last has an account in another tier than its posted points say.

    Where spendable points are the basis, whoever the clock has moved is in it, too.
    """
    basis, rolling = programme.tier_basis, NO_POINTS
    parameters: list[Any] = []
    if basis == "rolling_year":
        rolling, parameters = rolling_points(at)
        # Said here as well: the planner does not carry a range of ids into a subquery.
        rolling = f"SELECT * FROM ({rolling}) r WHERE user_id BETWEEN %s AND %s"  # noqa: S608
        parameters = [*parameters, first, last]
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT p.user_id FROM user_points p LEFT JOIN ({rolling}) y ON y.user_id = p.user_id
            WHERE p.user_id BETWEEN %s AND %s
              AND (p.tier_id IS DISTINCT FROM (%s::bigint[])[width_bucket({BASIS[basis]}, %s::bigint[])]
                   {_DUE if basis == "current" else ""})
            """,  # noqa: S608  the expressions are our own
            [
                *parameters,
                first,
                last,
                [tier.id for tier in programme.tiers],
                [tier.min_points for tier in programme.tiers],
                *([at, at] if basis == "current" else []),
            ],
        )
        return [user_id for (user_id,) in cursor.fetchall()]


def basis_points(accounts: Sequence[Account], programme: ProgrammeRules, *, at: datetime) -> dict[int, int]:
    """Return the points by which each account is judged, entries that are not yet written included."""
    if programme.tier_basis == "current":
        return {account.user_id: account.current for account in accounts}
    if programme.tier_basis == "lifetime":
        return {account.user_id: account.lifetime for account in accounts}
    rolling, parameters = rolling_points(at)
    since = parameters[0]
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT user_id, points FROM ({rolling}) y WHERE user_id = ANY(%s)",  # noqa: S608
            [*parameters, [account.user_id for account in accounts]],
        )
        written = dict(cursor.fetchall())
    return {
        account.user_id: max(
            0,
            written.get(account.user_id, 0)
            + sum(
                entry.lifetime_points
                for entry in account.entries
                if (entry.cause.judged_at or entry.cause.effective_at) > since
            ),
        )
        for account in accounts
    }
