"""What a member may redeem, and why not."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from rewards.models import RedemptionOption
from rewards.rules import Tier, tier_for
from rewards.selectors.balance import basis_points_of, settled_account
from rewards.selectors.programme import programme_rules


class Refusal(StrEnum):
    """Why an active option is not for this member now."""

    TIER_TOO_LOW = "tier_too_low"
    INSUFFICIENT_POINTS = "insufficient_points"


@dataclass(frozen=True, slots=True)
class Offer:
    """An option with the tier that it needs, and whether the member can redeem it now."""

    option: RedemptionOption
    min_tier: Tier | None
    unavailable_reason: str | None

    @property
    def available(self) -> bool:
        return self.unavailable_reason is None


def refusal(
    option: RedemptionOption, min_tier: Tier | None, *, tier: Tier | None, current_points: int
) -> Refusal | None:
    """Return why a member of `tier` with `current_points` can't redeem `option`, or None when they can."""
    if min_tier is not None and min_tier.min_points > (tier.min_points if tier else 0):
        return Refusal.TIER_TOO_LOW
    if option.points_required > current_points:
        return Refusal.INSUFFICIENT_POINTS
    return None


def offers(user_id: int, *, at: datetime) -> list[Offer]:
    """Return every active option, cheapest first, each judged for this member."""
    programme = programme_rules()
    account = settled_account(user_id, at=at)
    tier = tier_for(basis_points_of(account, programme, at=at), programme.tiers)
    found = []
    for option in RedemptionOption.objects.filter(is_active=True):
        needed = programme.tier(option.min_tier_id)
        found.append(
            Offer(option, needed, refusal(option, needed, tier=tier, current_points=account.current))
        )
    return found
