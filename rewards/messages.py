"""What members are told of their points, their tier and their vouchers."""

from notifications.contracts import Kind, Purpose
from notifications.facade import register_kind

TIER_UPGRADE = register_kind(
    Kind(
        name="tier_upgrade",
        label="A member has reached a higher tier",
        category="tier",
        purpose=Purpose.TRANSACTIONAL,
        title="Welcome to {tier}",
        body="You have reached {tier}. See what it brings you.",
        facts={"tier": "Gold"},
        link="tier",
    )
)
POINTS_EARNED_MESSAGE = register_kind(
    Kind(
        name="points_earned",
        label="Points were earned",
        category="points",
        purpose=Purpose.TRANSACTIONAL,
        title="You earned {points} points",
        body="{reason}: {points} points.",
        facts={"points": "120", "reason": "Purchase, order MH-7KQ2M9XT4C"},
    )
)
POINTS_EXPIRING = register_kind(
    Kind(
        name="points_expiring",
        label="Points expire in 30 or 7 days",
        category="points",
        purpose=Purpose.OPERATIONAL,
        title="{points} points expire in {days} days",
        body="Use them by {date}.",
        facts={"points": "120", "days": "7", "date": "31 Dec 2026"},
    )
)
VOUCHER_EXPIRING = register_kind(
    Kind(
        name="voucher_expiring",
        label="A voucher expires in three days",
        category="points",
        purpose=Purpose.OPERATIONAL,
        title="Your voucher {code} expires soon",
        body="Use it by {date}.",
        facts={"code": "MH7KQ2M9XT4C", "date": "31 Dec 2026", "voucher_id": "V0123456789abcdef"},
        link="voucher",
        link_fact="voucher_id",
    )
)
