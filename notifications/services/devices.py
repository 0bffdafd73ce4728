"""Devices: registered again and again, and taken away."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction

from core.errors import NotFound
from notifications.models import UserDevice

MOST_DEVICES = 20
"""A member's devices beyond these, longest unseen first, are removed when they register another."""
GONE = timedelta(days=270)
"""After so long without contact FCM has forgotten a device."""


@transaction.atomic
def register_device(
    *,
    user_id: int,
    device_token: str,
    platform: str,
    device_info: dict[str, Any],
    at: datetime,
    kind: str = UserDevice.Address.TOKEN,
    session: UUID | None = None,
) -> UserDevice:
    """Make the device this member's, whoever had it before, and reachable again; one statement, so the newest
    registration wins."""
    UserDevice.objects.bulk_create(
        [
            UserDevice(
                user_id=user_id,
                device_token=device_token,
                kind=kind,
                platform=platform,
                device_info=device_info,
                session=session,
                last_seen_at=at,
                created_at=at,
                updated_at=at,
            )
        ],
        update_conflicts=True,
        unique_fields=["device_token"],
        update_fields=[
            "user",
            "kind",
            "platform",
            "device_info",
            "session",
            "last_seen_at",
            "updated_at",
            "is_active",
            "deactivated_at",
            "deactivated_because",
        ],
    )
    mine = UserDevice.objects.filter(user_id=user_id)
    beyond = mine.order_by("-last_seen_at", "-id").values("pk")[MOST_DEVICES:]
    mine.filter(pk__in=beyond).delete()
    return mine.get(device_token=device_token)


def remove_device(*, user_id: int, device_id: int) -> None:
    """Take a device away from the member.

    Raises:
        NotFound: they have no such device.
    """
    removed, _ = UserDevice.objects.filter(pk=device_id, user_id=user_id).delete()
    if not removed:
        raise NotFound


def detach_session(*, user_id: int, session: UUID | None, ended_at: datetime) -> None:
    """Take away the devices that a session registered; with None all of the member's, but for those seen
    since it ended: they have signed in anew."""
    devices = UserDevice.objects.filter(user_id=user_id)
    if session is None:
        devices.filter(last_seen_at__lte=ended_at).delete()
    else:
        devices.filter(session=session).delete()
