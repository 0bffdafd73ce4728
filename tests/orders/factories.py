"""Orders at any point of their life, made by the services."""

import itertools
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from accounts.models import User
from core.contracts import SYSTEM
from orders.contracts import DeliveredOrder, PricedLine, PricedOrder
from orders.facade import move_order, place_order, record_delivered_orders, return_lines, return_rest
from orders.models import Order
from orders.rules import Status
from tests.accounts.factories import make_user
from tests.catalog.factories import make_product

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=ZoneInfo("Africa/Johannesburg"))

_numbers = itertools.count(1)

_WAY = {
    Status.PENDING: [],
    Status.PAID: [Status.PAID],
    Status.PROCESSING: [Status.PAID, Status.PROCESSING],
    Status.SHIPPED: [Status.PAID, Status.PROCESSING, Status.SHIPPED],
    Status.DELIVERED: [Status.PAID, Status.PROCESSING, Status.SHIPPED, Status.DELIVERED],
    Status.CANCELLED: [Status.CANCELLED],
}
_WAY[Status.RETURNED] = _WAY[Status.PARTIALLY_RETURNED] = _WAY[Status.DELIVERED]


def line(
    qty: int = 1, price: str = "10.00", *, discount: str = "0.00", points: str = "0.00", product_id: int = 0
) -> PricedLine:
    """A line of `qty` pieces; `points` is the money that points paid of it."""
    product_id = product_id or make_product(price).pk
    return PricedLine(product_id, qty, Decimal(price), Decimal(discount), Decimal(points))


def priced(*lines: PricedLine, user: User | None = None, number: str = "", **fields: object) -> PricedOrder:
    """An order of these lines whose sums agree, unless `fields` say otherwise."""
    lines = lines or (line(2),)
    subtotal = sum((one.line_total for one in lines), Decimal("0.00"))
    discount = sum((one.discount for one in lines), Decimal("0.00"))
    points_value = sum((one.points_value for one in lines), Decimal("0.00"))
    shipping, tax = (Decimal(str(fields.pop(name, "0.00"))) for name in ("shipping", "tax"))
    sums = {
        "subtotal": subtotal,
        "discount": discount,
        "points_value": points_value,
        "shipping": shipping,
        "tax": tax,
        "total": subtotal - discount - points_value + shipping + tax,
    }
    return PricedOrder(
        user_id=(user or make_user()).pk,
        number=number or f"N-{next(_numbers)}",
        lines=tuple(lines),
        **(sums | fields),
    )


def make_order(
    *lines: PricedLine,
    status: str = "pending",
    user: User | None = None,
    at: datetime = NOON,
    **fields: object,
) -> Order:
    """An order that went its way to `status`, all of it at `at`; in part returned is one piece of line 1."""
    order = place_order(priced=priced(*lines, user=user, **fields), actor=SYSTEM, at=at)
    for to in _WAY[Status(status)]:
        order = move_order(order_id=order.pk, to=to, actor=SYSTEM, at=at)
    if status == Status.RETURNED:
        return_rest(order_id=order.pk, reference="all", actor=SYSTEM, at=at)
    elif status == Status.PARTIALLY_RETURNED:
        give_back(order, {1: 1}, reference="part", at=at)
    order.refresh_from_db()
    return order


def give_back(
    order: Order, pieces: dict[int, int], *, reference: str = "CN-1", at: datetime = NOON, reason: str = ""
) -> None:
    """Return pieces by the line's position."""
    ids = dict(order.items.values_list("position", "pk"))
    return_lines(
        order_id=order.pk,
        reference=reference,
        lines={ids[position]: qty for position, qty in pieces.items()},
        actor=SYSTEM,
        at=at,
        reason=reason,
    )


def record(*orders: Sequence[PricedLine], user: User | None = None, at: datetime = NOON) -> list[int]:
    """Delivered orders of these lines, as an import brings them; return their ids in the same order."""
    user = user or make_user()
    rows = [
        DeliveredOrder(
            user_id=user.pk,
            number=f"D-{next(_numbers):08}",
            placed_at=at,
            delivered_at=at,
            lines=tuple(lines),
        )
        for lines in orders
    ]
    made = record_delivered_orders(rows)
    return [made[row.shop, row.number] for row in rows]
