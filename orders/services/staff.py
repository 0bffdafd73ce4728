"""What staff do to orders by hand: the same services, each with its row in the audit trail."""

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction

from core import audit
from core.contracts import Actor
from orders.models import Order, OrderReturn
from orders.rules import Status
from orders.services.locking import lock_order
from orders.services.payment import pay_order
from orders.services.returns import return_lines
from orders.services.steps import move_order


@transaction.atomic
def move_order_by_hand(*, order_id: int, to: str, actor: Actor, at: datetime, reason: str = "") -> Order:
    """Do `move_order` and write who did it and why, unless the order was there already.

    Raises:
        OrderNotFound, StepNotAllowed: as `move_order` does.
    """
    before = lock_order(order_id).status
    if to == Status.PAID and before == Status.PENDING:
        order = pay_order(order_id=order_id, actor=actor, at=at, reason=reason)
    else:
        order = move_order(order_id=order_id, to=to, actor=actor, at=at, reason=reason)
    if order.status != before:
        audit.record(
            actor=actor,
            action=f"order.{order.status}",
            target=order,
            before={"status": before},
            after={"status": order.status},
            reason=reason,
        )
    return order


@transaction.atomic
def return_lines_by_hand(
    *, order_id: int, reference: str, lines: Mapping[int, int], actor: Actor, at: datetime, reason: str = ""
) -> OrderReturn:
    """Do `return_lines` and write who did it and why, unless it had been done already.

    Raises:
        OrderNotFound, ReturnReferenceTaken, OrderNotReturnable, NothingToReturn, LineNotInOrder,
        ReturnBeyondBought: as `return_lines` does.
    """
    before = lock_order(order_id)
    repeated = before.returns.filter(reference=reference).exists()
    returned = dict(before.items.filter(pk__in=lines).values_list("position", "returned_qty"))
    order_return = return_lines(
        order_id=order_id, reference=reference, lines=lines, actor=actor, at=at, reason=reason
    )
    if not repeated:
        order = Order.objects.get(pk=order_id)
        audit.record(
            actor=actor,
            action="order.return",
            target=order,
            before={"status": before.status, "returned_qty_by_line": returned},
            after={
                "status": order.status,
                "returned_qty_by_line": dict(
                    order.items.filter(pk__in=lines).values_list("position", "returned_qty")
                ),
                "reference": reference,
            },
            reason=reason,
        )
    return order_return
