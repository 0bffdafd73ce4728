"""Taking away what notifications keep of a member, for good."""

from datetime import datetime

from django.db import transaction
from django.db.models import Case, QuerySet, Value, When

from core.forgetting import forget
from notifications.models import (
    InboxMessage,
    MarketingCount,
    NotificationPreference,
    PushNotification,
    PushSend,
    QuietHours,
    UserDevice,
)
from notifications.services.tallying import tally

Status = PushNotification.Status

ERASED = "the member was erased"
_CHUNK = 1000
_ON_THEIR_WAY = (Status.PENDING, Status.HELD, Status.PAUSED, Status.SENDING)
_DELETED = (UserDevice, InboxMessage, NotificationPreference, QuietHours, MarketingCount)


def erase_member_devices(user_id: int, *, at: datetime) -> int:
    """Delete a member's devices, inbox and wishes, and empty their pushes; return how many rows it was.

    What stays of a push is what the statistics count: its kind, its campaign, its times and what became of
    it, but neither whose it was nor its words. One that is not sent yet is cancelled; a request that a sender
    has made already arrives. Each chunk is a transaction.

    Block the member first, so that they are told nothing any more. What a transaction was writing at that
    moment is found by a second call when it has ended.
    """
    erased = 0
    while count := _erase_pushes(user_id, at=at) + sum(forget(rows, wait=True) for rows in _rows(user_id)):
        erased += count
    return erased


def _rows(user_id: int) -> list[QuerySet]:  # type: ignore[type-arg]
    return [model._default_manager.filter(user_id=user_id) for model in _DELETED]


@transaction.atomic
def _erase_pushes(user_id: int, *, at: datetime) -> int:
    # Pushes come before the devices, as whoever writes down answers locks them.
    chunk = (
        PushNotification.objects.filter(user_id=user_id)
        .order_by("pk")
        .select_for_update(no_key=True)[:_CHUNK]
    )
    statuses = dict(chunk.values_list("pk", "status"))
    ids = list(statuses)
    PushNotification.objects.filter(pk__in=ids).update(
        user=None,
        title="",
        message="",
        payload={},
        status=Case(When(status__in=_ON_THEIR_WAY, then=Value(Status.CANCELLED.value)), default="status"),
        reason=Case(When(status__in=_ON_THEIR_WAY, then=Value(ERASED)), default="reason"),
        updated_at=at,
    )
    PushSend.objects.filter(push__in=ids, state=PushSend.State.PENDING).update(
        state=PushSend.State.FAILED, error=ERASED, answered_at=at, updated_at=at
    )
    if cancelled := sum(status in _ON_THEIR_WAY for status in statuses.values()):
        tally({(Status.CANCELLED, ERASED): cancelled})
    return len(ids)
