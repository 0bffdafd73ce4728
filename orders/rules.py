"""The life of an order and its arithmetic, as pure functions."""

from collections.abc import Iterable
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from core.money import to_cents


class Status(StrEnum):
    """Where an order stands."""

    PENDING = "pending"
    PAID = "paid"
    PROCESSING = "processing"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"
    PARTIALLY_RETURNED = "partially_returned"
    RETURNED = "returned"


STEPS: dict[Status, frozenset[Status]] = {
    Status.PENDING: frozenset({Status.PAID, Status.CANCELLED}),
    Status.PAID: frozenset({Status.PROCESSING, Status.CANCELLED}),
    Status.PROCESSING: frozenset({Status.SHIPPED, Status.CANCELLED}),
    Status.SHIPPED: frozenset({Status.DELIVERED}),
    Status.DELIVERED: frozenset({Status.PARTIALLY_RETURNED, Status.RETURNED}),
    Status.PARTIALLY_RETURNED: frozenset({Status.RETURNED}),
    Status.CANCELLED: frozenset(),
    Status.RETURNED: frozenset(),
}
"""Every allowed step; whatever is not here is refused."""

BY_RETURNING = frozenset({Status.PARTIALLY_RETURNED, Status.RETURNED})
"""Reached only by giving goods back, never by a bare change of status."""

RETURNABLE = frozenset({Status.DELIVERED, Status.PARTIALLY_RETURNED})
"""Goods can come back only from where they have arrived and not all come back yet."""


CANCELLED_BY_MEMBER = frozenset({Status.PENDING, Status.PAID})
"""Where a member may still cancel; afterwards somebody is packing."""


def may_step(current: str, to: str) -> bool:
    """Say whether an order may go from one status straight to the other."""
    return Status(to) in STEPS[Status(current)]


def moves_from(current: str) -> list[Status]:
    """List the steps that need nothing but a decision, in the order of an order's life."""
    return [status for status in Status if may_step(current, status) and status not in BY_RETURNING]


def status_after_return(lines: Iterable[tuple[int, int]]) -> Status:
    """Name the status of an order that took goods back, from (bought, returned) of each of its lines."""
    everything = all(returned == bought for bought, returned in lines)
    return Status.RETURNED if everything else Status.PARTIALLY_RETURNED


def order_total(
    *, subtotal: Decimal, discount: Decimal, points_value: Decimal, shipping: Decimal, tax: Decimal
) -> Decimal:
    """Add up what is paid in money, in rand.

    `discount` includes the voucher's part. `tax` is what comes on top: lines are priced without it.
    """
    return subtotal - discount - points_value + shipping + tax


def kept_part(amount: Decimal, qty: int, left: int) -> Decimal:
    """Return what of a line's `amount` belongs to the `left` of its `qty` pieces, half up to the cent."""
    return to_cents(amount * left / qty)


def points_kept(points_used: int, lines: Iterable[tuple[Decimal, int, int]]) -> int:
    """Return how many of the points that paid for an order stay spent, half up.

    `lines` are (what points paid of it in rand, pieces bought, pieces left) of each line.
    """
    whole = kept = Fraction(0)
    for value, qty, left in lines:
        whole += Fraction(value)
        kept += Fraction(value) * left / qty
    return int(points_used * kept / whole + Fraction(1, 2)) if whole else points_used
