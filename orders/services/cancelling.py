"""Cancelling: by the member, and by the clock where nobody paid."""

import logging
from datetime import datetime

from django.db import transaction

from core.contracts import SYSTEM, Actor
from core.errors import DomainError
from orders.models import Order
from orders.rules import CANCELLED_BY_MEMBER, Status
from orders.services.locking import lock_own_order
from orders.services.steps import move_order

logger = logging.getLogger(__name__)

_CHUNK = 200


class TooLateToCancel(DomainError):
    """The order is being packed, or further."""

    code, status, title = "too_late_to_cancel", 409, "This order can no longer be cancelled"


@transaction.atomic
def cancel_own_order(*, user_id: int, order_id: int, actor: Actor, at: datetime, reason: str = "") -> Order:
    """Cancel a member's order that nobody has begun to pack; one that is cancelled stays as it is.

    Raises:
        OrderNotFound: there is no such order, or it is another member's.
        AnotherShopsOrder: it was bought in another shop.
        TooLateToCancel: it is being processed, or further.
    """
    order = lock_own_order(user_id=user_id, order_id=order_id)
    if order.status != Status.CANCELLED and order.status not in CANCELLED_BY_MEMBER:
        raise TooLateToCancel(
            f"An order that is {order.status} can no longer be cancelled.", from_status=order.status
        )
    return move_order(order_id=order_id, to=Status.CANCELLED, actor=actor, at=at, reason=reason)


def cancel_unpaid(*, at: datetime, chunk: int = _CHUNK) -> int:
    """Cancel every order whose time to pay is over, and return how many.

    Each in a transaction of its own: two in one would lock the second's products after the first's account.
    What somebody else has locked is being paid or cancelled; the next run sees what became of it. So any
    number of these run beside each other.
    """
    cancelled, after = 0, 0
    while ids := _overdue(at, after=after, chunk=chunk):
        cancelled += sum(_cancel_overdue(order_id, at) for order_id in ids)
        after = ids[-1]
    return cancelled


def _overdue(at: datetime, *, after: int, chunk: int) -> list[int]:
    due = Order.objects.filter(status=Status.PENDING.value, pay_by__lte=at, pk__gt=after)
    return list(due.order_by("pk").values_list("pk", flat=True)[:chunk])


def _cancel_overdue(order_id: int, at: datetime) -> bool:
    try:
        with transaction.atomic():
            still = Order.objects.filter(pk=order_id, status=Status.PENDING.value, pay_by__lte=at)
            if not still.select_for_update(skip_locked=True, no_key=True).exists():
                return False
            move_order(order_id=order_id, to=Status.CANCELLED, actor=SYSTEM, at=at, reason="Not paid in time")
            return True
    except Exception:
        # One order that cannot be let go must not keep the others; it is tried again in a minute.
        logger.exception("order %d could not be cancelled", order_id)
        return False
