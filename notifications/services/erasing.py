"""Taking away what notifications keep of a member, for good."""

from datetime import datetime

from django.db import transaction
from django.db.models import Case, QuerySet, Value, When

from accounts.facade import hold_member
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

Status = PushNotification.Status

ERASED = "the member was erased"
_CHUNK = 1000
_ON_THEIR_WAY = (Status.PENDING, Status.HELD, Status.SENDING)
_DELETED = (UserDevice, InboxMessage, NotificationPreference, QuietHours, MarketingCount)


def erase_member_devices(user_id: int, *, at: datetime) -> int:
    """Delete a member's devices, inbox and wishes, and empty their pushes; return how many rows it was.

    What stays of a push is what the statistics count: its kind, its campaign, its times and what became of
    it, but neither whose it was nor its words. One that is not sent yet is cancelled; a request that a sender
    has made already arrives. Each chunk is a transaction, and what is written meanwhile is found at the end,
    when nobody can write more for a moment.
    """
    erased = 0
    while True:
        # Before the devices, as who writes down answers locks them.
        while count := _erase_pushes(user_id, at=at):
            erased += count
        erased += sum(forget(rows, wait=True) for rows in _rows(user_id))
        with transaction.atomic():
            hold_member(user_id)
            if not any(rows.exists() for rows in (*_rows(user_id), _pushes(user_id))):
                return erased


def _rows(user_id: int) -> list[QuerySet]:  # type: ignore[type-arg]
    return [model._default_manager.filter(user_id=user_id) for model in _DELETED]


def _pushes(user_id: int) -> QuerySet[PushNotification]:
    return PushNotification.objects.filter(user_id=user_id)


@transaction.atomic
def _erase_pushes(user_id: int, *, at: datetime) -> int:
    chunk = _pushes(user_id).order_by("pk").select_for_update(no_key=True)[:_CHUNK]
    ids = [push.pk for push in chunk.only("pk")]
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
    return len(ids)
