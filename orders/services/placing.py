"""Placing an order whose prices somebody has worked out."""

from datetime import datetime
from decimal import Decimal

from django.db import IntegrityError, transaction

from catalog.facade import product_snapshots
from core import outbox
from core.contracts import Actor
from core.errors import DomainError
from orders.contracts import ORDER_PLACED, ZERO, PricedLine, PricedOrder
from orders.models import Order, OrderItem, OrderStep
from orders.rules import Status, order_total

# What the columns hold: integer and numeric(12, 2).
_MOST_PIECES = 2**31 - 1
_MOST_MONEY = Decimal("9999999999.99")


class EmptyOrder(DomainError):
    """An order has at least one line."""

    code, status, title = "empty_order", 400, "The order has no lines"


class BadLine(DomainError):
    """A line's quantity or money is out of range; `line` counts from 1."""

    code, status, title = "bad_order_line", 400, "A line of the order is wrong"


class UnknownProducts(DomainError):
    """Some lines name products that do not exist."""

    code, status, title = "unknown_products", 400, "Unknown product"


class SumsDisagree(DomainError):
    """A sum of the order is not what its parts add up to."""

    code, status, title = "sums_disagree", 400, "The sums of the order do not agree"


class OrderNumberTaken(DomainError):
    """The shop has another order under this number."""

    code, status, title = "order_number_taken", 409, "This order number is taken"


@transaction.atomic
def place_order(*, priced: PricedOrder, actor: Actor, at: datetime) -> Order:
    """Store a pending order with snapshots of its products and publish `order.placed`.

    Placing the same order again returns the one that is there.

    Raises:
        EmptyOrder: there are no lines.
        BadLine: a quantity below 1, money below 0, or more taken off a line than it costs.
        SumsDisagree: subtotal, discount, points value or total is not the sum of its parts.
        UnknownProducts: a line's product does not exist.
        OrderNumberTaken: the shop has a different order under this number.
    """
    _check_sums(priced)
    order = _insert(priced, at=at)
    if order is None:
        return _same_or_refuse(priced)
    products = product_snapshots(line.product_id for line in priced.lines)
    if unknown := sorted({line.product_id for line in priced.lines} - products.keys()):
        raise UnknownProducts(product_ids=unknown)
    OrderItem.objects.bulk_create(
        OrderItem(
            order=order,
            position=position,
            product_id=line.product_id,
            sku=products[line.product_id].sku,
            name=products[line.product_id].name,
            qty=line.qty,
            unit_price=line.unit_price,
            discount=line.discount,
            points_value=line.points_value,
            tax=line.tax,
        )
        for position, line in enumerate(priced.lines, start=1)
    )
    OrderStep.objects.create(
        order=order, to_status=Status.PENDING.value, actor=actor.label, user_id=actor.user_id, at=at
    )
    outbox.publish(ORDER_PLACED, order_id=order.pk, user_id=order.user_id)
    return order


def _check_sums(priced: PricedOrder) -> None:
    if not priced.lines:
        raise EmptyOrder
    for number, line in enumerate(priced.lines, start=1):
        if not _is_sound(line):
            raise BadLine(line=number)
    computed = {
        "subtotal": sum((line.line_total for line in priced.lines), ZERO),
        "discount": sum((line.discount for line in priced.lines), ZERO),
        "points_value": sum((line.points_value for line in priced.lines), ZERO),
    }
    on_top = ZERO if priced.tax_included else priced.tax
    computed["total"] = order_total(**computed, shipping=priced.shipping, tax=on_top)
    for field, value in computed.items():
        given: Decimal = getattr(priced, field)
        if given != value:
            raise SumsDisagree(field=field, given=str(given), computed=str(value))
    added = (priced.shipping, priced.tax)
    if min(added) < 0 or max(computed["subtotal"], *added, computed["total"]) > _MOST_MONEY:
        raise SumsDisagree("Shipping, tax and total must be in range.")
    if not 0 <= priced.voucher_discount <= priced.discount:
        raise SumsDisagree("The voucher's part must be within the discount.")
    if sum((line.tax for line in priced.lines), ZERO) > priced.tax:
        raise SumsDisagree("The lines' shares of the tax must be within it.")


def _is_sound(line: PricedLine) -> bool:
    money = (line.unit_price, line.discount, line.points_value, line.tax)
    return (
        1 <= line.qty <= _MOST_PIECES
        and all(0 <= amount <= _MOST_MONEY and amount == round(amount, 2) for amount in money)
        and line.discount + line.points_value <= line.line_total <= _MOST_MONEY
    )


def _insert(priced: PricedOrder, *, at: datetime) -> Order | None:
    """Insert the order's own row; None when the shop has one under this number."""
    if Order.objects.filter(shop=priced.shop, number=priced.number).exists():
        return None
    try:
        with transaction.atomic():
            return Order.objects.create(**_columns(priced), placed_at=at)
    except IntegrityError as error:
        if "orders_shop_number" in str(error):
            return None  # somebody placed it since the look
        raise


def _same_or_refuse(priced: PricedOrder) -> Order:
    order = Order.objects.get(shop=priced.shop, number=priced.number)
    stored = tuple(
        PricedLine(item.product_id, item.qty, item.unit_price, item.discount, item.points_value, item.tax)
        for item in order.items.all()
    )
    same = all(getattr(order, name) == value for name, value in _columns(priced).items())
    if not same or stored != tuple(priced.lines):
        raise OrderNumberTaken(shop=priced.shop, number=priced.number)
    return order


def _columns(priced: PricedOrder) -> dict[str, object]:
    names = (
        "shop number user_id currency subtotal discount shipping tax tax_included total"
        " points_used points_value voucher_code voucher_discount"
    )
    return {name: getattr(priced, name) for name in names.split()}
