"""Making an order of a member's basket, for the price of now or for a quoted one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection, transaction

from catalog.facade import take_stock
from core import outbox
from core.contracts import Actor
from orders.contracts import ORDER_PAID, ORDER_PLACED
from orders.models import Order, OrderItem, OrderStep, new_order_number
from orders.ports import Wish
from orders.rules import Status
from orders.services.baskets import PricedBasket, price_for_member
from orders.services.holding import reserve
from orders.services.quoting import read_token
from orders.services.steps import take_step


@dataclass(frozen=True, slots=True)
class MadeOrder:
    """An order with its lines."""

    order: Order
    items: list[OrderItem]


@transaction.atomic
def order_basket(
    *,
    user_id: int,
    lines: Sequence[tuple[int, int]],
    wish: Wish,
    actor: Actor,
    at: datetime,
    key: str | None = None,
) -> MadeOrder:
    """Order (product id, pieces) at the catalogue's prices of now, with a voucher and points if wished.

    `key` is the caller's own name for this order: the same key orders once for ever, and answers with the
    order of the first time. An order of nothing to pay is paid; another waits until its `pay_by`.

    Raises:
        DomainError: as `price_for_member` does, or because somebody was quicker.
    """
    placed_key = f"key:{key}" if key else ""
    if earlier := _placed_before(user_id, placed_key):
        return earlier
    basket = price_for_member(user_id=user_id, lines=lines, wish=wish, at=at)
    return _make(user_id, basket, placed_key, actor=actor, at=at)


@transaction.atomic
def order_quote(*, user_id: int, token: str, actor: Actor, at: datetime) -> MadeOrder:
    """Order what was quoted, for the quoted price or not at all. A quote is ordered once, for ever.

    Raises:
        QuoteInvalid, QuoteExpired: the token is not good, or not any more.
        QuoteChanged: it would cost something else now.
        DomainError: as `order_basket` does.
    """
    quoted = read_token(token, user_id=user_id)
    placed_key = f"quote:{quoted.key}"
    if earlier := _placed_before(user_id, placed_key):
        return earlier
    quoted.refuse_late(at)
    basket = price_for_member(user_id=user_id, lines=quoted.lines, wish=quoted.wish, at=at)
    quoted.refuse_changes(basket.price)
    return _make(user_id, basket, placed_key, actor=actor, at=at)


def _placed_before(user_id: int, placed_key: str) -> MadeOrder | None:
    if not placed_key:
        return None
    order = Order.objects.filter(user_id=user_id, placed_key=placed_key).first()
    return MadeOrder(order, list(order.items.order_by("position"))) if order else None


def _make(user_id: int, basket: PricedBasket, placed_key: str, *, actor: Actor, at: datetime) -> MadeOrder:
    """Write the order, take its stock, then its voucher and points: in the order of the locks."""
    order = _new_order(user_id, basket, placed_key, at=at)
    while not _insert(order):
        # Somebody used this key since the look, or, once in many lifetimes, this number.
        if earlier := _placed_before(user_id, placed_key):
            return earlier
        order.number = new_order_number()
    lines = basket.price.lines
    counted = take_stock({line.product_id: line.qty for line in lines})
    items = OrderItem.objects.bulk_create(
        OrderItem(
            order=order,
            position=position,
            product_id=line.product_id,
            sku=basket.products[line.product_id].sku,
            name=basket.products[line.product_id].name,
            qty=line.qty,
            unit_price=line.unit_price,
            discount=line.discount,
            points_value=line.points_value,
            tax=line.tax,
            stock_taken=line.product_id in counted,
        )
        for position, line in enumerate(lines, start=1)
    )
    OrderStep.objects.create(
        order=order, to_status=Status.PENDING.value, actor=actor.label, user_id=actor.user_id, at=at
    )
    reserve(order, at=at)
    outbox.publish(ORDER_PLACED, order_id=order.pk, user_id=user_id)
    if not order.total:
        take_step(order, Status.PAID, actor=actor, at=at, reason="Nothing to pay")
        outbox.publish(ORDER_PAID, order_id=order.pk, user_id=user_id)
    return MadeOrder(order, items)


def _new_order(user_id: int, basket: PricedBasket, placed_key: str, *, at: datetime) -> Order:
    price = basket.price
    unpaid = timedelta(minutes=basket.settings.unpaid_minutes)
    return Order(
        user_id=user_id,
        subtotal=price.subtotal,
        discount=price.discount,
        shipping=price.shipping,
        tax=price.tax,
        tax_included=price.tax_included,
        total=price.total,
        points_used=price.points_used,
        points_value=price.points_value,
        voucher_code=price.voucher_code,
        voucher_discount=price.voucher_discount,
        placed_key=placed_key,
        pay_by=at + unpaid if price.total else None,
        placed_at=at,
        created_at=at,
        updated_at=at,
    )


_COLUMNS = [field.attname for field in Order._meta.local_concrete_fields if not field.primary_key]
_INSERT = f"""
INSERT INTO orders ({", ".join(_COLUMNS)}) VALUES ({", ".join(["%s"] * len(_COLUMNS))})
ON CONFLICT DO NOTHING RETURNING id
"""  # noqa: S608  the columns are the model's own


def _insert(order: Order) -> bool:
    """Insert the order's row in one statement; False where its number or its key is taken."""
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, [getattr(order, column) for column in _COLUMNS])
        row = cursor.fetchone()
    if row is None:
        return False
    (order.pk,) = row
    order._state.adding = False
    order._state.db = connection.alias
    return True
