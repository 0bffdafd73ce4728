"""What other apps may know of orders: topics and shapes. Money is in rand."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

ORDER_PLACED = "order.placed"
ORDER_PAID = "order.paid"
ORDER_SHIPPED = "order.shipped"
ORDER_DELIVERED = "order.delivered"
ORDER_RETURNED = "order.returned"
ORDER_CANCELLED = "order.cancelled"
"""Topics; the payload of each is {order_id, user_id}."""

ORDER_REFUND_DUE = "order.refund_due"
"""Topic: money of a paid order goes back. Payload {order_id, user_id, amount, reference}: rand as a string
with two decimals, and a name for this refund that is unique within the order."""
RETURN_WAITING = "return.waiting"
"""Topic: a return came before its order was delivered. Payload {waiting_return_id}."""

SHOP = "markethub"
"""The name of our own shop; orders of partner shops carry theirs."""

ZERO = Decimal("0.00")


@dataclass(frozen=True, slots=True)
class PricedLine:
    """One line of an order; `discount` (with vouchers), `points_value` and `tax` are for the whole line."""

    product_id: int
    qty: int
    unit_price: Decimal
    discount: Decimal = ZERO
    points_value: Decimal = ZERO
    tax: Decimal = ZERO

    @property
    def line_total(self) -> Decimal:
        return self.qty * self.unit_price


@dataclass(frozen=True, slots=True, kw_only=True)
class PricedOrder:
    """An order as somebody priced it; `place_order` refuses it unless the parts add up."""

    user_id: int
    number: str
    lines: tuple[PricedLine, ...]
    subtotal: Decimal
    total: Decimal
    discount: Decimal = ZERO
    shipping: Decimal = ZERO
    tax: Decimal = ZERO
    tax_included: bool = False
    points_used: int = 0
    points_value: Decimal = ZERO
    voucher_code: str = ""
    voucher_discount: Decimal = ZERO
    shop: str = SHOP
    currency: str = "ZAR"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveredOrder:
    """An order of the past, for `record_delivered_orders`; its sums are computed from the lines."""

    user_id: int
    number: str
    placed_at: datetime
    delivered_at: datetime
    lines: tuple[PricedLine, ...]
    shipping: Decimal = ZERO
    tax: Decimal = ZERO
    points_used: int = 0
    shop: str = SHOP


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnRow:
    """One return of one order, for `record_returns`; `lines` are (order item id, quantity)."""

    order_id: int
    reference: str
    lines: tuple[tuple[int, int], ...]
    at: datetime
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ReturnableLine:
    """A delivered line of which something is still with the member."""

    item_id: int
    order_id: int
    user_id: int
    product_id: int
    placed_at: datetime
    delivered_at: datetime
    left: int


@dataclass(frozen=True, slots=True)
class EarningBasis:
    """What a delivered order may earn on, without shipping, tax (included or added) and what points paid.

    `full` is the basis as delivered, `kept` what is left of it after returns; `changed_at` is the time of the
    last return, or of the delivery; `return_references` are its returns, oldest first.
    """

    order_id: int
    user_id: int
    shop: str
    number: str
    delivered_at: datetime
    full: Decimal
    kept: Decimal
    changed_at: datetime
    return_references: tuple[str, ...]
