"""An order that is there, as its shop now tells of it."""

from datetime import datetime

from django.db import transaction

from accounts.contracts import MemberClaim
from accounts.facade import identify_members
from core import outbox
from core.contracts import Actor
from core.errors import DomainError
from orders.models import TIME_FIELDS, Order
from orders.rules import Status
from orders.services.locking import lock_order
from orders.services.shop_new import TimesDisagree, ensure_line_products, topics_passed, write_lines
from orders.services.steps import StepNotAllowed, take_step
from orders.shop_rules import TIMES, ShopOrder, Sums, is_there, may_become, wrong_times
from orders.shop_selectors import costs

KEY_ACTOR = "key:"
"""How the label of an actor begins that is a shop's API key."""

_OPEN = frozenset({Status.PENDING, Status.PAID, Status.PROCESSING, Status.SHIPPED})


class OrderOfAnotherMember(DomainError):
    """The order is there, and is not of the member that is named."""

    code, status, title = "order_of_another_member", 409, "This order is another member's"


class OrderFixed(DomainError):
    """Lines and money can't be changed any more: the order is done, or was not made by the shop."""

    code, status, title = "order_fixed", 409, "The lines of this order are fixed"


@transaction.atomic
def update_order(order_id: int, told: ShopOrder, *, actor: Actor, at: datetime) -> bool:
    """Bring an order to what its shop tells of it; return whether there was anything to do.

    A time that is known is not changed; a new one is put down.

    Raises:
        MemberUnknown, MembersDisagree: as `identify_members` does.
        OrderOfAnotherMember: the member is not the order's.
        OrderFixed: lines or money differ, and the order was delivered or cancelled, or made at our checkout.
        StepNotAllowed: the status lies behind the order's, or it can't be cancelled any more.
        TimesDisagree: a time is in the future, of a status not reached, or before an earlier one.
    """
    order = lock_order(order_id)
    _check_member(order, told, actor=actor, at=at)
    repriced = _reprice(order, told)
    moved = _move(order, told, actor=actor, at=at)
    return repriced or moved


def _check_member(order: Order, told: ShopOrder, *, actor: Actor, at: datetime) -> None:
    if not told.names_member:
        return
    claim = MemberClaim(external_id=told.external_id, phone=told.phone, email=told.email)
    (member,) = identify_members([claim], actor=actor, at=at, make=False)
    if member != order.user_id:
        if isinstance(member, DomainError):
            raise member
        raise OrderOfAnotherMember(errors={"member": ["The order is of another member."]})


def _reprice(order: Order, told: ShopOrder) -> bool:
    terms = tuple(order.items.order_by("position").values_list("sku", "qty", "unit_price", "discount"))
    stored = Sums(order.subtotal, order.discount, order.shipping, order.tax, order.total)
    if told.sums is None or costs(told, terms=terms, sums=stored):
        return False
    if order.status not in _OPEN or not _made_by_shop(order):
        raise OrderFixed(errors={"lines": [f"An order that is {order.status} keeps its lines and money."]})
    if told.lines is None and terms:
        raise OrderFixed(errors={"total": [f"The lines of the order come to {order.total}."]})
    lines = told.lines or ()
    products = ensure_line_products(order.shop, lines)
    order.items.all().delete()
    write_lines(order.shop, {order.pk: lines}, products)
    for name in Sums.__slots__:
        setattr(order, name, getattr(told.sums, name))
    order.save(update_fields=[*Sums.__slots__, "updated_at"])
    return True


def _made_by_shop(order: Order) -> bool:
    """Say whether nobody but a shop has taken vouchers, points or stock for this order."""
    first = order.steps.order_by("id").values_list("actor", flat=True).first()
    return first is not None and first.startswith(KEY_ACTOR)


def _move(order: Order, told: ShopOrder, *, actor: Actor, at: datetime) -> bool:
    before = Status(order.status)
    stays = told.status is None or is_there(before, told.status)
    after = before if stays or told.status is None else told.status
    if not stays and not may_become(before, after):
        raise StepNotAllowed(
            f"An order that is {before} cannot become {after}.",
            from_status=before,
            to_status=after,
            errors={"status": [f"The order is {before}."]},
        )
    known = {name: moment for name in TIMES if (moment := getattr(order, name)) is not None}
    new = {name: moment for name, moment in told.times.items() if name not in known}
    wrong = dict(wrong_times(after, known | new, now=at))
    if wrong := {name: message for name, message in wrong.items() if name in told.times}:
        raise TimesDisagree(errors={name: [message] for name, message in wrong.items()})
    new = {name: min(moment, at) for name, moment in new.items()}
    if not stays:
        moment = new.pop(TIME_FIELDS[after], at)
        take_step(order, after, actor=actor, at=moment, reason=told.reason)
        for topic in topics_passed(before, after):
            outbox.publish(topic, order_id=order.pk, user_id=order.user_id)
    if new:
        for name, moment in new.items():
            setattr(order, name, moment)
        order.save(update_fields=[*new, "updated_at"])
    return not stays or bool(new)
