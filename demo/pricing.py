"""Puts the shop's orders into the words of the orders app."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from demo.shop import ZERO, Order
from orders.contracts import DeliveredOrder, PricedLine, PricedOrder


@dataclass(frozen=True, slots=True)
class AppliedVoucher:
    """A voucher's code and what it takes off, in rand."""

    code: str
    value: Decimal


def delivered_order(order: Order, user_id: int, product_ids: Mapping[str, int]) -> DeliveredOrder:
    """Return a delivered order as one whole; prices include VAT, so no tax is added."""
    assert order.delivered_at is not None
    return DeliveredOrder(
        user_id=user_id,
        number=order.number,
        placed_at=order.placed_at,
        delivered_at=order.delivered_at,
        lines=_lines(order, product_ids),
        shipping=order.shipping,
    )


def priced_order(
    order: Order, user_id: int, product_ids: Mapping[str, int], voucher: AppliedVoucher | None
) -> PricedOrder:
    """Return an order as checkout would price it."""
    lines = _lines(order, product_ids, off=voucher.value if voucher else ZERO)
    subtotal = sum((line.line_total for line in lines), ZERO)
    discount = sum((line.discount for line in lines), ZERO)
    return PricedOrder(
        user_id=user_id,
        number=order.number,
        lines=lines,
        subtotal=subtotal,
        discount=discount,
        shipping=order.shipping,
        total=subtotal - discount + order.shipping,
        voucher_code=voucher.code if voucher else "",
        voucher_discount=discount - order.discount,
    )


def _lines(order: Order, product_ids: Mapping[str, int], *, off: Decimal = ZERO) -> tuple[PricedLine, ...]:
    """Return the order's lines; a voucher's amount comes off the dearest of them."""
    dearest = max(order.lines, key=lambda line: line.net)
    return tuple(
        PricedLine(
            product_id=product_ids[line.sku],
            qty=line.qty,
            unit_price=line.unit_price,
            discount=line.discount + (min(off, line.net) if line is dearest else ZERO),
        )
        for line in order.lines
    )
