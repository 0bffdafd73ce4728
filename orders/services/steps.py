"""Moving an order along its life."""

from datetime import datetime

from django.db import transaction

from core import outbox
from core.contracts import Actor
from core.errors import DomainError
from orders.contracts import ORDER_CANCELLED, ORDER_DELIVERED, ORDER_PAID, ORDER_SHIPPED
from orders.models import TIME_FIELDS, Order, OrderStep
from orders.rules import BY_RETURNING, Status, may_step
from orders.services.holding import confirm, let_go
from orders.services.locking import lock_order

TOPICS: dict[str, str] = {
    Status.PAID: ORDER_PAID,
    Status.SHIPPED: ORDER_SHIPPED,
    Status.DELIVERED: ORDER_DELIVERED,
    Status.CANCELLED: ORDER_CANCELLED,
}


class StepNotAllowed(DomainError):
    """An order cannot go from where it is to there."""

    code, status, title = "step_not_allowed", 409, "This step is not allowed"


class PaymentTooLate(DomainError):
    """The time to pay is over: the order is as good as cancelled."""

    code, status, title = "payment_too_late", 409, "The time to pay is over"


@transaction.atomic
def move_order(*, order_id: int, to: str, actor: Actor, at: datetime, reason: str = "") -> Order:
    """Take one step of `orders.rules.STEPS`, dated `at`; an order that is there already stays untouched.

    Raises:
        OrderNotFound: there is no such order.
        StepNotAllowed: the table does not have this step, or it takes a return (`return_lines`).
        PaymentTooLate: it would be paid after its `pay_by`.
    """
    order = lock_order(order_id)
    if order.status == to:
        return order
    if to not in list(Status) or to in BY_RETURNING or not may_step(order.status, to):
        raise StepNotAllowed(
            f"An order that is {order.status} cannot become {to}.", from_status=order.status, to_status=to
        )
    if to == Status.PAID and order.pay_by is not None and order.pay_by <= at:
        raise PaymentTooLate(pay_by=order.pay_by.isoformat())
    take_step(order, Status(to), actor=actor, at=at, reason=reason)
    if to in TOPICS:
        outbox.publish(TOPICS[to], order_id=order.pk, user_id=order.user_id)
    return order


def take_step(order: Order, to: Status, *, actor: Actor, at: datetime, reason: str) -> None:
    """Write a step that has been found allowed: the locked order's status, its time, and the history row.

    What the order holds becomes its own when it leaves `pending`, and is let go when it is cancelled.
    """
    was = order.status
    step = OrderStep(
        order=order,
        from_status=order.status,
        to_status=to.value,
        actor=actor.label,
        user_id=actor.user_id,
        reason=reason,
        at=at,
    )
    order.status = to.value
    changed = ["status", "updated_at"]
    if to in TIME_FIELDS:
        setattr(order, TIME_FIELDS[to], at)
        changed.append(TIME_FIELDS[to])
    order.save(update_fields=changed)
    step.save(force_insert=True)
    if to is Status.CANCELLED:
        # A shop's news may leave `paid` out, but nothing leaves `pending` for it unpaid.
        let_go(order, paid=was != Status.PENDING, at=at)
    elif was == Status.PENDING:
        confirm(order, at=at)
