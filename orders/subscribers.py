"""What orders does when something happened to them."""

from collections.abc import Sequence

from django.utils import timezone

from core.outbox import Message, subscriber
from orders.contracts import ORDER_CANCELLED, ORDER_DELIVERED, ORDER_SHIPPED, RETURN_WAITING
from orders.services.shop_waiting import apply_waiting_returns
from orders.services.telling import tell_delivered, tell_shipped


@subscriber("orders.waiting_returns", topics=[ORDER_DELIVERED, ORDER_CANCELLED, RETURN_WAITING], batch=1000)
def apply_returns(messages: Sequence[Message]) -> None:
    """Apply the returns that waited for these orders."""
    apply_waiting_returns(
        order_ids={m.payload["order_id"] for m in messages if m.topic != RETURN_WAITING},
        waiting_ids={m.payload["waiting_return_id"] for m in messages if m.topic == RETURN_WAITING},
        at=timezone.now(),
    )


@subscriber("orders.messages", topics=[ORDER_SHIPPED, ORDER_DELIVERED], batch=500)
def tell_members(messages: Sequence[Message]) -> None:
    """Tell members that their orders are on their way, and that they have arrived."""
    now = timezone.now()
    tell_shipped({m.payload["order_id"] for m in messages if m.topic == ORDER_SHIPPED}, at=now)
    tell_delivered({m.payload["order_id"] for m in messages if m.topic == ORDER_DELIVERED}, at=now)
