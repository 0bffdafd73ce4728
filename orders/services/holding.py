"""What an order holds while it is under way: stock, a voucher, points.

Locks follow the order's own: products, then what the providers lock.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from decimal import Decimal

from catalog.facade import give_back_stock, lock_products
from core import outbox
from orders import ports
from orders.contracts import ORDER_REFUND_DUE, SHOP
from orders.models import Order, OrderItem


def reserve(order: Order, *, at: datetime) -> None:
    """Hold the voucher and take the points that a new order names.

    Raises:
        DomainError: a provider's, when somebody was quicker.
    """
    if held := _held(order):
        for provider in ports.providers():
            provider.reserve(held, at=at)


def confirm(order: Order, *, at: datetime) -> None:
    """Tell the providers that a locked order is paid."""
    if held := _held(order):
        for provider in ports.providers():
            provider.commit(held, at=at)


def lock_for_many(orders: Collection[Order], *, at: datetime) -> None:
    """Lock what letting go of these locked orders touches, before one transaction does it order by order.

    Else the second order's products would be locked after the first one's account, and members' accounts in
    the order in which somebody named the orders: two such transactions would wait for each other.
    """
    taken = OrderItem.objects.filter(order__in=orders, stock_taken=True)
    lock_products(taken.values_list("product_id", flat=True))
    lock_accounts_of(orders, at=at)


def lock_accounts_of(orders: Collection[Order], *, at: datetime) -> None:
    """Lock the accounts whose points paid for these locked orders, all at once."""
    if payers := {order.user_id for order in orders if order.points_used}:
        for provider in ports.providers():
            provider.lock(payers, at=at)


def let_go(order: Order, *, paid: bool, at: datetime) -> None:
    """Give back what a cancelled order took, once: stock, voucher, points, and the money if it was paid.

    The order is locked, and nothing leads away from `cancelled`, so it cannot happen twice.
    """
    taken = order.items.filter(stock_taken=True).values_list("product_id", "qty")
    if pieces := _by_product(taken):
        give_back_stock(pieces)
    if held := _held(order):
        for provider in ports.providers():
            provider.release(held, at=at)
    if paid:
        refund_due(order, order.total, reference="cancelled")


def give_back_points(backs: Iterable[ports.PointsBack], *, at: datetime) -> Mapping[tuple[int, str], int]:
    """Give points of returned goods back, and return how many came by (order id, reference).

    That is fewer than asked for an order whose points another system took: they are its to give back.
    """
    due = [back for back in backs if back.points]
    given: Counter[tuple[int, str]] = Counter()
    for provider in ports.providers() if due else ():
        given.update(provider.give_back(due, at=at))
    return given


def refund_due(order: Order, amount: Decimal, *, reference: str) -> None:
    """Say that money of one of our own shop's orders goes back; other shops refund by themselves."""
    if amount > 0 and order.shop == SHOP:
        outbox.publish(
            ORDER_REFUND_DUE,
            order_id=order.pk,
            user_id=order.user_id,
            amount=f"{amount:.2f}",
            reference=reference,
        )


def _held(order: Order) -> ports.HeldOrder | None:
    """Return what the providers may know of an order, None where they can have no part in it."""
    if not (order.voucher_code or order.points_used):
        return None
    return ports.HeldOrder(
        order_id=order.pk,
        user_id=order.user_id,
        number=order.number,
        voucher_code=order.voucher_code,
        points_used=order.points_used,
        points_value=order.points_value,
    )


def _by_product(lines: Iterable[tuple[int, int]]) -> dict[int, int]:
    pieces: dict[int, int] = {}
    for product_id, qty in lines:
        pieces[product_id] = pieces.get(product_id, 0) + qty
    return pieces
