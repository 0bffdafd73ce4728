"""Returns that a shop tells of: applied at once, or waiting until their order is delivered."""

from collections.abc import Collection
from datetime import datetime

from django.db import connection, transaction
from django.db.models import QuerySet

from core import audit, outbox
from core.contracts import Actor
from core.errors import DomainError
from orders.contracts import RETURN_WAITING
from orders.models import Order
from orders.rules import Status
from orders.services.holding import lock_accounts_of
from orders.services.locking import lock_order, lock_orders
from orders.services.returns import ReturnReferenceTaken
from orders.services.shop_returns import ReturnedLine, ShopReturn, TakenBack, apply_return
from orders.shop_models import WaitingReturn

BEFORE_DELIVERY = frozenset({Status.PENDING, Status.PAID, Status.PROCESSING, Status.SHIPPED})


@transaction.atomic
def take_shop_return(shop: str, told: ShopReturn, *, actor: Actor, at: datetime) -> TakenBack:
    """Take goods back, now or once their order is delivered; the same return again does nothing more.

    Raises:
        ReturnReferenceTaken: the order has another return under this id.
        OrderNotReturnable: the order was cancelled, or is back already.
        LineNotInOrder, ReturnBeyondBought: the order does not have it; the facts name the field.
    """
    order_id = Order.objects.values_list("id", flat=True).filter(shop=shop, number=told.number).first()
    if order_id is not None:
        order = lock_order(order_id)
        if order.status not in BEFORE_DELIVERY:
            taken = apply_return(order, told, actor=actor, at=at)
            _waiting(shop, told).delete()
            return taken
    return TakenBack(None, _wait(shop, told, actor=actor))


def _waiting(shop: str, told: ShopReturn) -> QuerySet[WaitingReturn]:
    return WaitingReturn.objects.filter(shop=shop, number=told.number, return_id=told.return_id)


def _wait(shop: str, told: ShopReturn, *, actor: Actor) -> bool:
    """Let a return wait for its order; return whether it is new.

    The message makes sure of an order that is delivered at this very moment: whoever commits last, the
    message of one of the two is handled when both are there.
    """
    lines = None if told.lines is None else [line.facts() for line in told.lines]
    row, is_new = WaitingReturn.objects.get_or_create(
        shop=shop,
        number=told.number,
        return_id=told.return_id,
        defaults={"lines": lines, "reason": told.reason, "actor": actor.label, "at": told.at},
    )
    if not is_new and row.lines != lines:
        raise ReturnReferenceTaken("The return under this id is of other lines.", return_id=told.return_id)
    if is_new:
        outbox.publish(RETURN_WAITING, waiting_return_id=row.pk)
    return is_new


def apply_waiting_returns(
    *, order_ids: Collection[int] = (), waiting_ids: Collection[int] = (), at: datetime
) -> int:
    """Apply the returns that wait for these orders, and these, if their orders are done; return how many.

    Call it in a transaction. One that turns out impossible keeps the reason and is left to people.
    """
    orders = lock_orders(_orders_waited_for(order_ids, waiting_ids))
    done = {(order.shop, order.number): order for order in orders.values()}
    rows = WaitingReturn.objects.filter(number__in={number for _, number in done}, error="")
    lock_accounts_of(orders.values(), at=at)
    applied = 0
    for row in rows.order_by("pk").select_for_update():
        order = done.get((row.shop, row.number))
        if order is None or order.status in BEFORE_DELIVERY:
            continue
        try:
            with transaction.atomic():
                apply_return(order, _told(row), actor=Actor(row.actor), at=at)
        except DomainError as refusal:
            row.error = f"{refusal.code}: {refusal.detail}"
            row.save(update_fields=["error", "updated_at"])
        else:
            row.delete()
            applied += 1
        order.refresh_from_db()
    return applied


@transaction.atomic
def retry_waiting_returns(waiting_ids: Collection[int], *, actor: Actor) -> int:
    """Let returns that turned out impossible be tried again; return how many there were."""
    rows = WaitingReturn.objects.filter(pk__in=waiting_ids).exclude(error="").order_by("pk")
    count = 0
    for row in rows.select_for_update():
        audit.record(
            actor=actor,
            action="waiting_return.retry",
            target=row,
            before={"error": row.error},
            after={"error": ""},
        )
        row.error = ""
        row.save(update_fields=["error", "updated_at"])
        outbox.publish(RETURN_WAITING, waiting_return_id=row.pk)
        count += 1
    return count


def _orders_waited_for(order_ids: Collection[int], waiting_ids: Collection[int]) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT orders.id FROM orders
            JOIN waiting_returns AS w ON w.shop = orders.shop AND w.number = orders.number AND w.error = ''
            WHERE orders.id = ANY(%s)
            UNION
            SELECT orders.id FROM waiting_returns AS w
            JOIN orders ON w.shop = orders.shop AND w.number = orders.number
            WHERE w.id = ANY(%s) AND w.error = ''
            """,
            [list(order_ids), list(waiting_ids)],
        )
        return [order_id for (order_id,) in cursor.fetchall()]


def _told(row: WaitingReturn) -> ShopReturn:
    lines = None if row.lines is None else tuple(ReturnedLine(**line) for line in row.lines)
    return ShopReturn(number=row.number, return_id=row.return_id, lines=lines, at=row.at, reason=row.reason)
