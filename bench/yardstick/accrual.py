"""The obvious Celery task."""

from celery import shared_task
from django.db import transaction
from django.utils import timezone

from orders.models import Order
from rewards.models import EarningRule, PointsTransaction, UserPoints


@shared_task(name="bench.award_points")
def award_points(order_id: int) -> None:
    """Get, add, save: what an order earns and a line that says so, without lots, expiry or tiers."""
    with transaction.atomic():
        order = Order.objects.get(pk=order_id)
        rule = EarningRule.objects.get(rule_type="purchase", is_active=True)
        points = int((order.subtotal - order.discount - order.points_value) * rule.points_per_rand)
        account, _ = UserPoints.objects.select_for_update().get_or_create(user_id=order.user_id)
        account.current_points += points
        account.lifetime_points += points
        account.save(update_fields=["current_points", "lifetime_points", "updated_at"])
        PointsTransaction.objects.create(
            user_id=order.user_id,
            points=points,
            lifetime_points=points,
            transaction_type="earned",
            description=f"Purchase, order {order.number}",
            order=order,
            natural_key=f"order:{order.pk}:purchase",
            metadata={"points_per_rand": str(rule.points_per_rand)},
            effective_at=order.delivered_at or timezone.now(),
        )
