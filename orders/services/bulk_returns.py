"""Returns of the past, many at once: what an import or a demonstration shop brings.

A fixed number of statements for any number of returns, in the caller's transaction.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from django.db import connection, transaction

from core import outbox
from core.contracts import SYSTEM, Actor
from orders.contracts import ORDER_RETURNED, ReturnRow
from orders.models import Order, OrderItem, OrderReturn, OrderStep, ReturnLine
from orders.ports import PointsBack
from orders.rules import RETURNABLE, Status, status_after_return
from orders.services.holding import give_back_points
from orders.services.locking import OrderNotFound, lock_orders
from orders.services.returns import (
    LineNotInOrder,
    NothingToReturn,
    OrderNotReturnable,
    ReturnBeyondBought,
    ReturnReferenceTaken,
    points_back,
    take_back,
)


@transaction.atomic
def record_returns(rows: Iterable[ReturnRow], *, actor: Actor = SYSTEM) -> int:
    """Apply returns all or none; return how many were new. Publishes `order.returned` once per order.

    A return whose order has it already, under its reference and of the same lines, is left out. Orders become
    `returned` or `partially_returned`; the history gets one row per order whose status changes, dated by its
    last return here. Points that paid for what came back go back too; money is for the shop to see to.

    Raises:
        OrderNotFound, OrderNotReturnable, NothingToReturn, LineNotInOrder, ReturnBeyondBought,
        ReturnReferenceTaken: as `return_lines` does, for the first row that is refused.
    """
    rows = list(rows)
    orders = lock_orders(row.order_id for row in rows)
    new = _new_returns(rows, orders)
    if not new:
        return 0
    items: dict[int, dict[int, OrderItem]] = defaultdict(dict)
    touched = {row.order_id for row in new}
    for item in OrderItem.objects.filter(order_id__in=touched).only(
        "order_id", "qty", "returned_qty", "points_value"
    ):
        items[item.order_id][item.pk] = item
    pieces = _counted(new, orders, items)
    backs = _points_back(new, orders, items)
    take_back(pieces)
    given = give_back_points(backs, at=max(row.at for row in new))
    _insert_returns(new, given, actor=actor)
    _restate(new, orders, items, pieces, actor=actor)
    outbox.publish_many(
        ORDER_RETURNED,
        [{"order_id": order_id, "user_id": orders[order_id].user_id} for order_id in sorted(touched)],
    )
    return len(new)


def _new_returns(rows: Sequence[ReturnRow], orders: Mapping[int, Order]) -> list[ReturnRow]:
    """Leave out what the orders have already, and repetitions within `rows`."""
    known: dict[tuple[int, str], dict[int, int]] = {}
    for existing in OrderReturn.objects.filter(
        order_id__in=orders, reference__in={row.reference for row in rows}
    ).prefetch_related("lines"):
        known[existing.order_id, existing.reference] = {
            line.item_id: line.qty for line in existing.lines.all()
        }
    new = []
    for row in rows:
        if row.order_id not in orders:
            raise OrderNotFound(order_id=row.order_id)
        lines = dict(_summed(row))
        before = known.setdefault((row.order_id, row.reference), lines)
        if before is lines:
            new.append(row)
        elif before != lines:
            raise ReturnReferenceTaken(order_id=row.order_id, reference=row.reference)
    return new


def _summed(row: ReturnRow) -> Counter[int]:
    pieces: Counter[int] = Counter()
    for item_id, qty in row.lines:
        if qty < 1:
            raise NothingToReturn(order_id=row.order_id, reference=row.reference)
        pieces[item_id] += qty
    if not pieces:
        raise NothingToReturn(order_id=row.order_id, reference=row.reference)
    return pieces


def _counted(
    rows: Sequence[ReturnRow], orders: Mapping[int, Order], items: Mapping[int, Mapping[int, OrderItem]]
) -> dict[int, int]:
    """Add up the pieces of each line, refusing what its order cannot give."""
    pieces: Counter[int] = Counter()
    for row in rows:
        status = orders[row.order_id].status
        if status not in RETURNABLE:
            raise OrderNotReturnable(order_id=row.order_id, from_status=status)
        for item_id, qty in row.lines:
            item = items[row.order_id].get(item_id)
            if item is None:
                raise LineNotInOrder(order_id=row.order_id, item_id=item_id)
            pieces[item_id] += qty
            left = item.qty - item.returned_qty
            if pieces[item_id] > left:
                raise ReturnBeyondBought(order_id=row.order_id, item_id=item_id, left=left)
    return dict(pieces)


def _points_back(
    rows: Sequence[ReturnRow], orders: Mapping[int, Order], items: Mapping[int, Mapping[int, OrderItem]]
) -> list[PointsBack]:
    """Say for each row which points come back with it, after those of the rows before."""
    gone: dict[int, Counter[int]] = defaultdict(Counter)
    backs = []
    for row in rows:
        order, pieces = orders[row.order_id], _summed(row)
        so_far = gone[row.order_id]
        together = points_back(order, items[row.order_id], so_far + pieces)
        points = together - points_back(order, items[row.order_id], so_far)
        so_far.update(pieces)
        backs.append(PointsBack(order.pk, order.user_id, order.number, points, row.reference))
    return backs


def _insert_returns(
    rows: Sequence[ReturnRow], points: Mapping[tuple[int, str], int], *, actor: Actor
) -> None:
    made = OrderReturn.objects.bulk_create(
        OrderReturn(
            order_id=row.order_id,
            reference=row.reference,
            reason=row.reason,
            actor=actor.label,
            user_id=actor.user_id,
            at=row.at,
            points_back=points.get((row.order_id, row.reference), 0),
        )
        for row in rows
    )
    ReturnLine.objects.bulk_create(
        ReturnLine(order_return=order_return, item_id=item_id, qty=qty)
        for order_return, row in zip(made, rows, strict=True)
        for item_id, qty in sorted(_summed(row).items())
    )


def _restate(
    rows: Sequence[ReturnRow],
    orders: Mapping[int, Order],
    items: Mapping[int, Mapping[int, OrderItem]],
    pieces: Mapping[int, int],
    *,
    actor: Actor,
) -> None:
    """Give every touched order the status that its lines ask for, with a history row where it changes."""
    last: dict[int, datetime] = {}
    for row in rows:
        last[row.order_id] = max(row.at, last.get(row.order_id, row.at))
    after: dict[int, Status] = {}
    for order_id in sorted(last):
        status = status_after_return(
            (item.qty, item.returned_qty + pieces.get(item.pk, 0)) for item in items[order_id].values()
        )
        if status != orders[order_id].status:
            after[order_id] = status
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE orders SET status = after.status, updated_at = now()
            FROM unnest(%s::bigint[], %s::text[]) AS after (order_id, status)
            WHERE orders.id = after.order_id
            """,
            [list(after.keys()), [status.value for status in after.values()]],
        )
    OrderStep.objects.bulk_create(
        OrderStep(
            order_id=order_id,
            from_status=orders[order_id].status,
            to_status=status.value,
            actor=actor.label,
            user_id=actor.user_id,
            at=last[order_id],
        )
        for order_id, status in after.items()
    )
