"""What a shop tells of its orders: new ones are made, the others brought to what is told."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from django.db import connection, transaction

from core.contracts import Actor
from core.errors import DomainError
from orders.models import Order
from orders.rules import Status
from orders.services.holding import lock_for_many
from orders.services.locking import lock_orders
from orders.services.shop_new import make_orders
from orders.services.shop_updates import update_order
from orders.shop_rules import ShopOrder
from orders.shop_selectors import StoredOrder, stored_orders


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one order; `problem` says why it was refused."""

    number: str
    status: Literal["created", "updated", "unchanged", "refused"]
    problem: DomainError | None = None


@transaction.atomic
def put_order(shop: str, told: ShopOrder, *, actor: Actor, at: datetime) -> Outcome:
    """Make the shop's order, or bring it to what is told; as often as it is told, with the same result.

    Raises:
        OrderIncomplete, TimesDisagree: as `make_orders` says.
        MemberUnknown, MembersDisagree: as `identify_members` does.
        OrderOfAnotherMember, OrderFixed, StepNotAllowed: as `update_order` does.
    """
    (outcome,) = put_orders(shop, [told], actor=actor, at=at)
    if outcome.problem is not None:
        raise outcome.problem
    return outcome


def put_orders(shop: str, told: Sequence[ShopOrder], *, actor: Actor, at: datetime) -> list[Outcome]:
    """Do `put_order` for many, each answered by itself, in their order.

    New orders cost a fixed number of statements for all of them together, in a transaction of their own; what
    is as it is told costs nothing more; each of the others is brought up to date in a transaction of its own
    (a savepoint inside the caller's). Of orders of one number the first is told first.
    """
    stored = stored_orders(shop, {order.number for order in told})
    first: dict[str, int] = {}
    for index, order in enumerate(told):
        first.setdefault(order.number, index)
    new = [told[index] for number, index in first.items() if number not in stored]
    made = make_orders(shop, new, actor=actor, at=at) if new else {}
    outcomes: dict[int, Outcome] = {}
    for index, order in enumerate(told):
        if first[order.number] != index:
            continue
        if order.number in stored and stored[order.number].says(order):
            outcomes[index] = Outcome(order.number, "unchanged")
        elif order.number in made:
            answer = made[order.number]
            outcomes[index] = (
                Outcome(order.number, "created")
                if isinstance(answer, int)
                else Outcome(order.number, "refused", answer)
            )
    rest = [index for index in range(len(told)) if index not in outcomes]
    ids = _lock_rest(shop, [told[index] for index in rest], stored, at=at)
    for index in rest:
        outcomes[index] = _bring(shop, told[index], ids, actor=actor, at=at)
    return [outcomes[index] for index in range(len(told))]


def _lock_rest(
    shop: str, told: Sequence[ShopOrder], stored: dict[str, StoredOrder], *, at: datetime
) -> dict[str, int]:
    """Return the ids of the orders that are to be updated.

    Where one transaction holds them all, they are locked here, in the order of their ids, and then what those
    hold that are cancelled.
    """
    numbers = [order.number for order in told]
    ids = {number: stored[number].id for number in numbers if number in stored}
    if missing := [number for number in numbers if number not in ids]:
        ids |= dict(Order.objects.filter(shop=shop, number__in=missing).values_list("number", "id"))
    if connection.in_atomic_block:
        locked = lock_orders(ids.values())
        cancelled = {order.number for order in told if order.status is Status.CANCELLED}
        lock_for_many([order for order in locked.values() if order.number in cancelled], at=at)
    return ids


def _bring(shop: str, told: ShopOrder, ids: dict[str, int], *, actor: Actor, at: datetime) -> Outcome:
    """Bring one order to what is told; one whose first telling was refused is still to be made."""
    try:
        with transaction.atomic():
            if told.number not in ids:
                answer = make_orders(shop, [told], actor=actor, at=at).get(told.number)
                if isinstance(answer, int):
                    ids[told.number] = answer
                    return Outcome(told.number, "created")
                if answer is not None:
                    raise answer
                # Somebody else was quicker.
                ids[told.number] = Order.objects.values_list("id", flat=True).get(
                    shop=shop, number=told.number
                )
            changed = update_order(ids[told.number], told, actor=actor, at=at)
            return Outcome(told.number, "updated" if changed else "unchanged")
    except DomainError as refusal:
        return Outcome(told.number, "refused", refusal)
