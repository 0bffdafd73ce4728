"""How many members an option is for."""

from rewards.models import LoyaltyTier, UserPoints


def members_in_reach(points_required: int, min_tier: LoyaltyTier | None) -> int:
    """Count the members whose posted points and tier are enough for an option, in one query."""
    accounts = UserPoints.objects.filter(current_points__gte=points_required)
    if min_tier is not None and min_tier.min_points > 0:
        accounts = accounts.filter(tier__min_points__gte=min_tier.min_points)
    return accounts.count()
