"""A member asks to send goods back; staff accept, which is the return itself, or refuse."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db import transaction

from core import audit
from core.contracts import Actor
from core.errors import DomainError, NotFound
from core.images import CleanImage
from core.pictures import stored
from orders.checkout_models import ReturnPicture, ReturnRequest, ReturnRequestLine
from orders.services.locking import lock_order, lock_own_order
from orders.services.returns import check_returnable
from orders.services.staff import return_lines_by_hand

Status = ReturnRequest.Status
MOST_PICTURES = 5


class ReturnAskedAlready(DomainError):
    """Staff have not yet decided about what was asked before."""

    code, status, title = "return_asked_already", 409, "A return of this order is being looked at"


class ReturnDecidedAlready(DomainError):
    """Somebody else was quicker, and decided otherwise."""

    code, status, title = "return_decided_already", 409, "This return has been decided"


class TooManyPictures(DomainError):
    """More pictures than a request may have."""

    code, status, title = "too_many_pictures", 400, "Too many pictures"


@transaction.atomic
def request_return(
    *, user_id: int, order_id: int, lines: Mapping[int, int], reason: str, at: datetime
) -> ReturnRequest:
    """Ask to send back pieces of an order's lines (order item id → pieces).

    Raises:
        OrderNotFound: there is no such order, or it is another member's.
        AnotherShopsOrder: it was bought in another shop.
        ReturnAskedAlready: an earlier request for the order is open.
        OrderNotReturnable, NothingToReturn, LineNotInOrder, ReturnBeyondBought: as `return_lines` does.
    """
    order = lock_own_order(user_id=user_id, order_id=order_id)
    if order.return_requests.filter(status=Status.REQUESTED).exists():
        raise ReturnAskedAlready
    check_returnable(order, {item.pk: item for item in order.items.all()}, lines)
    asked = ReturnRequest.objects.create(order=order, reason=reason, requested_at=at)
    ReturnRequestLine.objects.bulk_create(
        ReturnRequestLine(request=asked, item_id=item_id, qty=qty) for item_id, qty in sorted(lines.items())
    )
    return asked


def add_return_pictures(
    *, user_id: int, order_id: int, request_id: int, images: Sequence[CleanImage]
) -> ReturnRequest:
    """Add pictures to a member's own request that staff have not decided about.

    Raises:
        OrderNotFound: there is no such order, or it is another member's.
        NotFound: the order has no such request.
        ReturnDecidedAlready: staff have decided.
        TooManyPictures: it would have more than five.
    """
    with stored("returns", images) as names, transaction.atomic():
        order = lock_own_order(user_id=user_id, order_id=order_id)
        asked = order.return_requests.filter(pk=request_id).first()
        if asked is None:
            raise NotFound("There is no such return request.")
        if asked.status != Status.REQUESTED:
            raise ReturnDecidedAlready(request_status=asked.status)
        if asked.pictures.count() + len(names) > MOST_PICTURES:
            raise TooManyPictures(limit=MOST_PICTURES)
        ReturnPicture.objects.bulk_create(ReturnPicture(request=asked, file=name) for name in names)
    return asked


@transaction.atomic
def accept_return_request(*, request_id: int, actor: Actor, at: datetime, note: str = "") -> ReturnRequest:
    """Take the goods back as they were asked for; accepted again it stays as it is.

    Raises:
        NotFound: there is no such request.
        ReturnDecidedAlready: it was refused.
        OrderNotReturnable, ReturnBeyondBought: the goods came back in another way meanwhile.
    """
    asked = _lock(request_id)
    if asked.status == Status.ACCEPTED:
        return asked
    if asked.status == Status.REFUSED:
        raise ReturnDecidedAlready(request_status=asked.status)
    asked.order_return = return_lines_by_hand(
        order_id=asked.order_id,
        reference=f"REQ-{asked.pk}",
        lines=dict(asked.lines.values_list("item_id", "qty")),
        actor=actor,
        at=at,
        reason=asked.reason,
    )
    return _decide(asked, Status.ACCEPTED, actor=actor, at=at, note=note)


@transaction.atomic
def refuse_return_request(*, request_id: int, actor: Actor, at: datetime, note: str) -> ReturnRequest:
    """Refuse, with a note that the member sees; refused again it stays as it is.

    Raises:
        NotFound: there is no such request.
        ReturnDecidedAlready: it was accepted.
    """
    asked = _lock(request_id)
    if asked.status == Status.REFUSED:
        return asked
    if asked.status == Status.ACCEPTED:
        raise ReturnDecidedAlready(request_status=asked.status)
    return _decide(asked, Status.REFUSED, actor=actor, at=at, note=note)


def _lock(request_id: int) -> ReturnRequest:
    """Lock the order first, as everybody does, and read the request under its lock."""
    found = ReturnRequest.objects.filter(pk=request_id).first()
    if found is None:
        raise NotFound("There is no such return request.")
    lock_order(found.order_id)
    return ReturnRequest.objects.get(pk=request_id)


def _decide(asked: ReturnRequest, status: str, *, actor: Actor, at: datetime, note: str) -> ReturnRequest:
    before = asked.status
    asked.status, asked.note, asked.decided_at, asked.decided_by = status, note, at, actor.label
    asked.save(update_fields=["status", "note", "decided_at", "decided_by", "order_return", "updated_at"])
    audit.record(
        actor=actor,
        action=f"return_request.{status}",
        target=asked,
        before={"status": before},
        after={"status": status},
        reason=note,
    )
    return asked
