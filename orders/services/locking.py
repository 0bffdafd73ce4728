"""Locking orders: the first lock that a service of this app takes."""

from collections.abc import Iterable

from django.db import transaction

from core.errors import DomainError, NotFound
from orders.contracts import SHOP
from orders.models import Order


class OrderNotFound(NotFound):
    """There is no such order."""

    title = "No such order"


def lock_orders(order_ids: Iterable[int]) -> dict[int, Order]:
    """Lock orders in the order of their ids, inside the caller's transaction; unknown ids are missing.

    FOR NO KEY UPDATE: it keeps out every other writer of the order, but not those who only insert a row that
    refers to it, such as a ledger entry written under an account's lock.
    """
    if not transaction.get_connection().in_atomic_block:
        raise transaction.TransactionManagementError("orders are locked inside a transaction")
    rows = Order.objects.filter(pk__in=set(order_ids)).order_by("pk").select_for_update(no_key=True)
    return {order.pk: order for order in rows}


class AnotherShopsOrder(DomainError):
    """The shop that sold it sees to it: what we decided here, its own system would not know."""

    code, status, title = "another_shops_order", 409, "Ask the shop where you bought it"


def lock_own_order(*, user_id: int, order_id: int) -> Order:
    """Lock one of the orders that a member made with us; another's is neither locked nor there.

    Raises:
        OrderNotFound: there is no such order of this member's.
        AnotherShopsOrder: it was bought in another shop.
    """
    if not transaction.get_connection().in_atomic_block:
        raise transaction.TransactionManagementError("orders are locked inside a transaction")
    mine = Order.objects.filter(user_id=user_id, pk=order_id)
    order = mine.select_for_update(no_key=True).first()
    if order is None:
        raise OrderNotFound
    if order.shop != SHOP:
        raise AnotherShopsOrder(f"It was bought in the shop {order.shop}.", shop=order.shop)
    return order


def lock_order(order_id: int) -> Order:
    """Lock one order, inside the caller's transaction.

    Raises:
        OrderNotFound: there is no such order.
    """
    order = lock_orders([order_id]).get(order_id)
    if order is None:
        raise OrderNotFound
    return order
