"""Taking note that an order is paid: what staff, a shop's key and payment providers call."""

from datetime import datetime
from decimal import Decimal

from django.db import transaction

from core.contracts import Actor
from core.errors import DomainError
from orders.models import Order
from orders.rules import Status
from orders.services.locking import lock_order
from orders.services.steps import move_order


class WrongAmount(DomainError):
    """What was paid is not what the order costs."""

    code, status, title = "wrong_amount", 409, "The amount is not the order's"


class PaidAlready(DomainError):
    """Another payment was first; this one must go back to whoever made it."""

    code, status, title = "paid_already", 409, "The order is paid already"


@transaction.atomic
def pay_order(
    *,
    order_id: int,
    actor: Actor,
    at: datetime,
    amount: Decimal | None = None,
    reference: str = "",
    reason: str = "",
) -> Order:
    """Mark a pending order as paid: its voucher is used, and `order.paid` is published.

    `reference` is the payment's name at whoever took it; the same payment again changes nothing. A refusal
    means that the money must not be kept.

    Raises:
        OrderNotFound: there is no such order.
        WrongAmount: `amount` rand was paid and the order costs something else.
        PaidAlready: it was paid before, by a payment of another reference.
        StepNotAllowed: it was cancelled.
        PaymentTooLate: its time to pay is over.
    """
    order = lock_order(order_id)
    if amount is not None and amount != order.total:
        raise WrongAmount(total=f"{order.total:.2f}", amount=f"{amount:.2f}")
    if order.paid_at is not None and order.status != Status.CANCELLED:
        if reference != order.payment_reference:
            raise PaidAlready
        return order
    order = move_order(order_id=order_id, to=Status.PAID, actor=actor, at=at, reason=reason)
    if reference:
        order.payment_reference = reference
        order.save(update_fields=["payment_reference", "updated_at"])
    return order
