"""What the app reports of pushes: FCM does not tell whether they came."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, QuerySet, Value
from django.db.models.functions import Coalesce

from core.errors import NotFound
from notifications.models import PushNotification, UserDevice
from notifications.services.inbox import read_message
from notifications.services.tallying import tally

Status = PushNotification.Status

_ON_ITS_WAY = (Status.SENDING, Status.SENT, Status.FAILED)
"""A push whose answer was lost may have come all the same; one that was never sent can't have."""


@transaction.atomic
def report_delivered(*, user_id: int, notification_id: UUID, session: UUID | None, at: datetime) -> None:
    """Note that a push has come to the member's device; the first report counts.

    Raises:
        NotFound: no push of the member's has this id.
    """
    pushes = _pushes(user_id, notification_id)
    came = _step(pushes.filter(status__in=_ON_ITS_WAY), status=Status.DELIVERED, delivered_at=at)
    if not came and not pushes.exists():
        raise NotFound
    _touch(user_id, session, at)
    if came:
        tally({(Status.DELIVERED, ""): 1})


@transaction.atomic
def report_opened(*, user_id: int, notification_id: UUID, session: UUID | None, at: datetime) -> None:
    """Note that the member has opened a push, which so has come, and has been read.

    Raises:
        NotFound: nothing of the member's has this id.
    """
    pushes = _pushes(user_id, notification_id)
    came = _step(pushes.filter(status__in=_ON_ITS_WAY), status=Status.OPENED, delivered_at=at, opened_at=at)
    opened = came or _step(pushes.filter(status=Status.DELIVERED), status=Status.OPENED, opened_at=at)
    try:
        read_message(user_id=user_id, notification_id=notification_id, at=at)
    except NotFound:  # a push that the inbox does not show
        if not opened and not pushes.exists():
            raise
    _touch(user_id, session, at)
    tally({(Status.DELIVERED, ""): int(came), (Status.OPENED, ""): 1} if opened else {})


def _pushes(user_id: int, notification_id: UUID) -> QuerySet[PushNotification]:
    return PushNotification.objects.filter(user_id=user_id, notification_id=notification_id)


def _step(pushes: QuerySet[PushNotification], *, status: str, **times: datetime) -> bool:
    """Take the push a step further; return whether it stood where it can be taken from."""
    kept: dict[str, Any] = {name: Coalesce(F(name), Value(at)) for name, at in times.items()}
    return pushes.update(status=status, updated_at=max(times.values()), **kept) == 1


def _touch(user_id: int, session: UUID | None, at: datetime) -> None:
    """The device that reports is there."""
    if session is not None:
        UserDevice.objects.filter(user_id=user_id, session=session).update(last_seen_at=at, updated_at=at)
