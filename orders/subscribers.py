"""What orders does when something happened to them."""

from collections.abc import Sequence

from django.utils import timezone

from core.outbox import Message, subscriber
from orders.contracts import ORDER_CANCELLED, ORDER_DELIVERED, RETURN_WAITING
from orders.services.shop_waiting import apply_waiting_returns


@subscriber("orders.waiting_returns", topics=[ORDER_DELIVERED, ORDER_CANCELLED, RETURN_WAITING], batch=1000)
def apply_returns(messages: Sequence[Message]) -> None:
    """Apply the returns that waited for these orders."""
    apply_waiting_returns(
        order_ids={m.payload["order_id"] for m in messages if m.topic != RETURN_WAITING},
        waiting_ids={m.payload["waiting_return_id"] for m in messages if m.topic == RETURN_WAITING},
        at=timezone.now(),
    )
