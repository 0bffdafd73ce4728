"""Telling members how their orders get on."""

from collections.abc import Collection
from datetime import datetime, timedelta

from notifications.contracts import Kind, Wish
from notifications.facade import notify_many
from orders.messages import ORDER_DELIVERED_MESSAGE, ORDER_SHIPPED_MESSAGE
from orders.models import Order

NEWS = timedelta(days=2)
"""What is longer ago is no news: an import of old orders tells nobody anything."""


def tell_shipped(order_ids: Collection[int], *, at: datetime) -> None:
    """Tell of each order, once, that it has been shipped; not of one that arrived or was cancelled since."""
    orders = Order.objects.filter(
        pk__in=order_ids, shipped_at__gt=at - NEWS, delivered_at=None, cancelled_at=None
    )
    _tell(ORDER_SHIPPED_MESSAGE, "shipped", orders.values_list("user_id", "pk", "number"))


def tell_delivered(order_ids: Collection[int], *, at: datetime) -> None:
    """Tell of each order, once, that it has been delivered."""
    orders = Order.objects.filter(pk__in=order_ids, delivered_at__gt=at - NEWS)
    _tell(ORDER_DELIVERED_MESSAGE, "delivered", orders.values_list("user_id", "pk", "number"))


def _tell(kind: Kind, step: str, orders: Collection[tuple[int, int, str]]) -> None:
    notify_many(
        [
            Wish(
                user_id=user_id,
                kind=kind.name,
                key=f"order:{order_id}:{step}",
                facts={"number": number, "order_id": order_id},
            )
            for user_id, order_id, number in orders
        ]
    )
