"""Taking goods back, by line and never more than was bought; money and points follow in proportion.

What should remain paid and spent is computed, and the difference to what remained before goes back: so parts
never sum to more or less than the whole. Shipping was done and is not refunded.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from django.db import connection, transaction

from core import outbox
from core.contracts import Actor
from core.errors import DomainError
from core.money import ZERO
from orders.contracts import ORDER_RETURNED, SHOP
from orders.models import Order, OrderItem, OrderReturn, ReturnLine
from orders.ports import PointsBack
from orders.rules import RETURNABLE, Status, kept_part, points_kept, status_after_return
from orders.services.holding import give_back_points, refund_due
from orders.services.locking import lock_order
from orders.services.steps import take_step


class OrderNotReturnable(DomainError):
    """Only what has been delivered and is not all back yet can come back."""

    code, status, title = "order_not_returnable", 409, "This order cannot be returned"


class NothingToReturn(DomainError):
    """A return of lines names at least one line, and at least one piece of each."""

    code, status, title = "nothing_to_return", 400, "Nothing to return was named"


class LineNotInOrder(DomainError):
    """The order has no such line."""

    code, status, title = "line_not_in_order", 400, "The order has no such line"


class ReturnBeyondBought(DomainError):
    """More would have come back than was bought."""

    code, status, title = "return_beyond_bought", 409, "More than was bought"


class ReturnReferenceTaken(DomainError):
    """The order has another return under this reference."""

    code, status, title = "return_reference_taken", 409, "This return reference is taken"


@transaction.atomic
def return_lines(
    *,
    order_id: int,
    reference: str,
    lines: Mapping[int, int],
    actor: Actor,
    at: datetime,
    reason: str = "",
) -> OrderReturn:
    """Take back quantities of an order's lines (order item id → pieces) and publish `order.returned`.

    The order becomes `returned` when nothing of it is left with the member, else `partially_returned`. The
    same return again is the one that is there.

    Raises:
        OrderNotFound: there is no such order.
        ReturnReferenceTaken: the reference names a return of other lines.
        OrderNotReturnable: the order was not delivered, or is back already.
        NothingToReturn: no line is named, or less than one piece of one.
        LineNotInOrder: a line belongs to no or another order.
        ReturnBeyondBought: more than is left of a line; the facts name the line and what is left.
    """
    order = lock_order(order_id)
    if existing := order.returns.filter(reference=reference).first():
        if dict(existing.lines.values_list("item_id", "qty")) != dict(lines):
            raise ReturnReferenceTaken(reference=reference)
        return existing
    items = {item.pk: item for item in order.items.all()}
    check_returnable(order, items, lines)
    return _record(order, items, reference=reference, lines=lines, actor=actor, at=at, reason=reason)


@transaction.atomic
def return_rest(
    *, order_id: int, reference: str, actor: Actor, at: datetime, reason: str = ""
) -> OrderReturn:
    """Take back all that is still with the member, or an order without lines as a whole.

    The same reference again is the return that is there.

    Raises:
        OrderNotFound: there is no such order.
        OrderNotReturnable: the order was not delivered, or is back already.
    """
    order = lock_order(order_id)
    if existing := order.returns.filter(reference=reference).first():
        return existing
    _check_status(order)
    items = {item.pk: item for item in order.items.all()}
    left = {item.pk: item.qty - item.returned_qty for item in items.values()}
    lines = {item_id: qty for item_id, qty in left.items() if qty}
    return _record(order, items, reference=reference, lines=lines, actor=actor, at=at, reason=reason)


def take_back(pieces: Mapping[int, int]) -> None:
    """Add to the returned quantities of order items (id → pieces) in one guarded statement.

    Their orders are locked by the caller; the guard holds even if they were not.

    Raises:
        ReturnBeyondBought: a line has less left; nothing of this transaction must be kept.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE order_items
            SET returned_qty = returned_qty + back.qty, updated_at = now()
            FROM unnest(%s::bigint[], %s::int[]) AS back (item_id, qty)
            WHERE order_items.id = back.item_id AND order_items.returned_qty + back.qty <= order_items.qty
            """,
            [list(pieces.keys()), list(pieces.values())],
        )
        if cursor.rowcount != len(pieces):
            raise ReturnBeyondBought


def points_back(order: Order, items: Mapping[int, OrderItem], lines: Mapping[int, int]) -> int:
    """Return how many points come back with these pieces of a locked order's lines."""
    if not order.points_used:
        return 0
    before = [(item.points_value, item.qty, item.qty - item.returned_qty) for item in items.values()]
    after = [
        (item.points_value, item.qty, item.qty - item.returned_qty - lines.get(item.pk, 0))
        for item in items.values()
    ]
    return points_kept(order.points_used, before) - points_kept(order.points_used, after)


def _refund(order: Order, items: Mapping[int, OrderItem], lines: Mapping[int, int]) -> Decimal | None:
    """Return what of the goods' price goes back in money with these pieces, added tax with it.

    None for another shop's order: that shop sees to it.
    """
    if order.shop != SHOP:
        return None
    if not items:
        return Decimal(order.total)
    back = ZERO
    for item_id, qty in lines.items():
        item = items[item_id]
        paid = item.line_total - item.discount - item.points_value
        if not order.tax_included:
            paid += item.tax
        left = item.qty - item.returned_qty
        back += kept_part(paid, item.qty, left) - kept_part(paid, item.qty, left - qty)
    return back


def check_returnable(order: Order, items: Mapping[int, OrderItem], lines: Mapping[int, int]) -> None:
    """Refuse what a locked order cannot give back (order item id → pieces).

    Raises:
        OrderNotReturnable, NothingToReturn, LineNotInOrder, ReturnBeyondBought: as `return_lines` does.
    """
    _check_status(order)
    if not lines or min(lines.values()) < 1:
        raise NothingToReturn
    for item_id, qty in lines.items():
        item = items.get(item_id)
        if item is None:
            raise LineNotInOrder(item_id=item_id)
        left = item.qty - item.returned_qty
        if qty > left:
            raise ReturnBeyondBought(
                f"{qty} asked, {left} of {item.qty} left of line {item.position}.", item_id=item_id, left=left
            )


def _check_status(order: Order) -> None:
    if order.status not in RETURNABLE:
        raise OrderNotReturnable(
            f"An order that is {order.status} cannot be returned.", from_status=order.status
        )


def _record(
    order: Order,
    items: Mapping[int, OrderItem],
    *,
    reference: str,
    lines: Mapping[int, int],
    actor: Actor,
    at: datetime,
    reason: str,
) -> OrderReturn:
    take_back(lines)
    back = PointsBack(order.pk, order.user_id, order.number, points_back(order, items, lines), reference)
    given = give_back_points([back], at=at)
    order_return = OrderReturn.objects.create(
        order=order,
        reference=reference,
        reason=reason,
        actor=actor.label,
        user_id=actor.user_id,
        at=at,
        refund=_refund(order, items, lines),
        points_back=given.get((order.pk, reference), 0),
    )
    ReturnLine.objects.bulk_create(
        ReturnLine(order_return=order_return, item_id=item_id, qty=qty) for item_id, qty in lines.items()
    )
    after = status_after_return(
        (item.qty, item.returned_qty + lines.get(item.pk, 0)) for item in items.values()
    )
    if Status(order.status) != after:
        take_step(order, after, actor=actor, at=at, reason=reason)
    outbox.publish(ORDER_RETURNED, order_id=order.pk, user_id=order.user_id)
    if order_return.refund is not None:
        refund_due(order, order_return.refund, reference=f"return:{reference}")
    return order_return
