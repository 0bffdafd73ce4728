"""Giving goods of an order back as a shop tells of it: by SKU or position, once for each of its ids."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.contracts import Actor
from orders.models import Order, OrderItem, OrderReturn
from orders.rules import RETURNABLE
from orders.services.returns import (
    LineNotInOrder,
    OrderNotReturnable,
    ReturnBeyondBought,
    ReturnReferenceTaken,
    return_lines,
    return_rest,
)


@dataclass(frozen=True, slots=True)
class ReturnedLine:
    """Pieces of one line, or of all lines of one SKU, the first of them first."""

    qty: int
    sku: str | None = None
    position: int | None = None

    def facts(self) -> dict[str, Any]:
        name = {"position": self.position} if self.sku is None else {"sku": self.sku}
        return {**name, "qty": self.qty}


@dataclass(frozen=True, slots=True, kw_only=True)
class ShopReturn:
    """A return as a shop tells of it; without lines it is of all that is left."""

    number: str
    return_id: str
    lines: tuple[ReturnedLine, ...] | None
    at: datetime
    reason: str = ""


@dataclass(frozen=True, slots=True)
class TakenBack:
    """What became of a return: it waits, or it is `applied`; and whether it is new."""

    applied: OrderReturn | None
    is_new: bool


def apply_return(order: Order, told: ShopReturn, *, actor: Actor, at: datetime) -> TakenBack:
    """Take goods of a locked order back, not before they were delivered; see `take_shop_return`."""
    items = list(order.items.order_by("position"))
    existing = order.returns.filter(reference=told.return_id).first()
    if existing is not None:
        if told.lines is not None and not _is_same(existing, items, told.lines):
            raise ReturnReferenceTaken(
                "The return under this id is of other lines.", return_id=told.return_id
            )
        return TakenBack(existing, is_new=False)
    if order.status not in RETURNABLE:
        raise OrderNotReturnable(
            f"An order that is {order.status} cannot be returned.", from_status=order.status
        )
    moment = min(told.at, at)
    if order.delivered_at is not None:
        moment = max(moment, order.delivered_at)
    if told.lines is None:
        made = return_rest(
            order_id=order.pk, reference=told.return_id, actor=actor, at=moment, reason=told.reason
        )
    else:
        made = return_lines(
            order_id=order.pk,
            reference=told.return_id,
            lines=_pieces(items, told.lines),
            actor=actor,
            at=moment,
            reason=told.reason,
        )
    return TakenBack(made, is_new=True)


def _pieces(items: Sequence[OrderItem], lines: Sequence[ReturnedLine]) -> dict[int, int]:
    """Find the pieces of each line among what is left, by order item id."""
    left = {item.pk: item.qty - item.returned_qty for item in items}
    pieces: Counter[int] = Counter()
    for index, line in enumerate(lines):
        meant = _meant(items, line)
        if not meant:
            field = "position" if line.sku is None else "sku"
            raise LineNotInOrder(errors={f"lines.{index}.{field}": ["The order has no such line."]})
        there = sum(left[item.pk] for item in meant)
        if there < line.qty:
            raise ReturnBeyondBought(
                f"{line.qty} asked, {there} left.", errors={f"lines.{index}.qty": [f"{there} left."]}
            )
        wanted = line.qty
        for item in meant:
            taken = min(wanted, left[item.pk])
            if taken:
                pieces[item.pk] += taken
                left[item.pk] -= taken
                wanted -= taken
    return dict(pieces)


def _is_same(existing: OrderReturn, items: Sequence[OrderItem], lines: Sequence[ReturnedLine]) -> bool:
    """Say whether a return that is there is of these lines, whichever of equal lines it took from."""
    held = Counter(dict(existing.lines.values_list("item_id", "qty")))
    for line in sorted(lines, key=lambda line: line.position is None):
        wanted = line.qty
        for item in _meant(items, line):
            taken = min(wanted, held[item.pk])
            held[item.pk] -= taken
            wanted -= taken
        if wanted:
            return False
    return not any(held.values())


def _meant(items: Sequence[OrderItem], line: ReturnedLine) -> list[OrderItem]:
    if line.sku is None:
        return [item for item in items if item.position == line.position]
    return [item for item in items if item.sku == line.sku]
