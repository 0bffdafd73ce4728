"""What rewards does when something happened below."""

from collections.abc import Sequence

from django.utils import timezone

from accounts.contracts import MEMBER_JOINED
from catalog.contracts import REVIEW_APPROVED
from core.outbox import Message, subscriber
from orders.contracts import ORDER_DELIVERED, ORDER_RETURNED
from rewards.contracts import POINTS_EARNED, REJUDGE_TIERS, TIER_UPGRADED
from rewards.services.earning import accrue_orders, earn_reviews, earn_signups
from rewards.services.telling import tell_earned, tell_upgrades
from rewards.services.tiers import rejudge_members


@subscriber("rewards.purchases", topics=[ORDER_DELIVERED, ORDER_RETURNED], batch=1000)
def accrue_purchases(messages: Sequence[Message]) -> None:
    """Post what the orders entitle to as they now stand."""
    accrue_orders({message.payload["order_id"] for message in messages}, at=timezone.now())


@subscriber("rewards.signups", topics=[MEMBER_JOINED], batch=1000)
def award_signups(messages: Sequence[Message]) -> None:
    """Earn the sign-up bonus of new members."""
    earn_signups({message.payload["user_id"] for message in messages}, at=timezone.now())


@subscriber("rewards.reviews", topics=[REVIEW_APPROVED], batch=1000)
def award_reviews(messages: Sequence[Message]) -> None:
    """Earn the bonus of approved reviews."""
    reviews = {(message.payload["user_id"], message.payload["review_id"]) for message in messages}
    earn_reviews(reviews, at=timezone.now())


@subscriber("rewards.tiers", topics=[REJUDGE_TIERS], batch=1)
def rejudge_tiers(messages: Sequence[Message]) -> None:
    """Judge a chunk of members by the tiers as they now are."""
    for message in messages:
        rejudge_members(
            first=message.payload["first"],
            last=message.payload["last"],
            reason=message.payload["reason"],
            quietly=message.payload["quietly"],
            at=timezone.now(),
        )


@subscriber("rewards.upgrade_messages", topics=[TIER_UPGRADED], batch=500)
def tell_of_upgrades(messages: Sequence[Message]) -> None:
    """Tell members that they have reached a higher tier."""
    tell_upgrades([message.payload["tier_change_id"] for message in messages])


@subscriber("rewards.earn_messages", topics=[POINTS_EARNED], batch=10)
def tell_of_points(messages: Sequence[Message]) -> None:
    """Tell members of the points that they have earned."""
    tell_earned([(user_id, key) for message in messages for user_id, key in message.payload["lines"]])
