"""What other apps may call of orders."""

from orders.selectors import (
    earning_bases,
    known_return_references,
    member_orders,
    order_ids,
    order_members,
)
from orders.services.bulk import record_delivered_orders
from orders.services.bulk_returns import record_returns
from orders.services.cancelling import cancel_unpaid
from orders.services.payment import pay_order
from orders.services.placing import place_order
from orders.services.returnable import lock_returnable_lines
from orders.services.returns import return_lines, return_rest
from orders.services.steps import move_order

__all__ = [
    "cancel_unpaid",
    "earning_bases",
    "known_return_references",
    "lock_returnable_lines",
    "member_orders",
    "move_order",
    "order_ids",
    "order_members",
    "pay_order",
    "place_order",
    "record_delivered_orders",
    "record_returns",
    "return_lines",
    "return_rest",
]
