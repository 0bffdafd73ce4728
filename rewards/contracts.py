"""What crosses from rewards to other apps."""

TIER_UPGRADED = "tier.upgraded"  # {user_id, tier_change_id}
POINTS_EARNED = "points.earned"  # {lines: [[user_id, natural key], …]}: a message tells of many
REJUDGE_TIERS = "tiers.rejudge"  # {first, last: member ids, inclusive; reason; quietly}
