"""What crosses from rewards to other apps."""

TIER_UPGRADED = "tier.upgraded"  # {user_id, tier_change_id}
REJUDGE_TIERS = "tiers.rejudge"  # {first, last: member ids, inclusive; reason; quietly}
