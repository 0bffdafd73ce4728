"""The points by which members' tiers are judged, as the programme's basis has it."""

from collections.abc import Sequence
from datetime import datetime

from django.db import connection
from django.utils import timezone

from rewards.account import Account
from rewards.rules import year_before
from rewards.selectors.programme import ProgrammeRules

# A return counts where its earn counts: what was earned before the year can't be taken out of it.
ROLLING_POINTS = """
    SELECT t.user_id, sum(t.lifetime_points)::bigint AS points
    FROM points_transactions t
    LEFT JOIN points_transactions earn ON earn.id = t.related_id AND t.transaction_type = 'reversed'
    WHERE t.effective_at > %s AND (earn.id IS NULL OR earn.effective_at > %s)
    GROUP BY t.user_id
"""
"""Lifetime points that each member gained after a time (given twice)."""


def basis_points(accounts: Sequence[Account], programme: ProgrammeRules, *, at: datetime) -> dict[int, int]:
    """Return the points by which each account is judged, entries that are not yet written included."""
    if programme.tier_basis == "current":
        return {account.user_id: account.current for account in accounts}
    if programme.tier_basis == "lifetime":
        return {account.user_id: account.lifetime for account in accounts}
    since = year_before(at, timezone.get_default_timezone())
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT user_id, points FROM ({ROLLING_POINTS}) y WHERE user_id = ANY(%s)",  # noqa: S608
            [since, since, [account.user_id for account in accounts]],
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
