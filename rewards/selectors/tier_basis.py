"""The points by which members' tiers are judged, as the programme's basis has it."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db.models import Sum

from rewards.account import Account
from rewards.models import PointsTransaction
from rewards.selectors.programme import ProgrammeRules

ROLLING_YEAR = timedelta(days=365)


def basis_points(accounts: Sequence[Account], programme: ProgrammeRules, *, at: datetime) -> dict[int, int]:
    """Return the points by which each account is judged, entries that are not yet written included."""
    if programme.tier_basis == "current":
        return {account.user_id: account.current for account in accounts}
    if programme.tier_basis == "lifetime":
        return {account.user_id: account.lifetime for account in accounts}
    since = at - ROLLING_YEAR
    written: dict[int, int] = dict(
        PointsTransaction.objects.filter(
            user_id__in=[account.user_id for account in accounts], effective_at__gt=since
        )
        .order_by()
        .values_list("user_id")
        .annotate(total=Sum("lifetime_points"))
    )
    return {
        account.user_id: max(
            0,
            written.get(account.user_id, 0)
            + sum(entry.lifetime_points for entry in account.entries if entry.cause.effective_at > since),
        )
        for account in accounts
    }
