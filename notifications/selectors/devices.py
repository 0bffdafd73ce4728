"""A member's devices."""

from datetime import datetime, timedelta

from django.db.models import QuerySet

from notifications.models import UserDevice

STALE = timedelta(days=30)
"""FCM calls a device stale that was not in contact for so long."""


def devices(user_id: int) -> QuerySet[UserDevice]:
    """Return the member's devices, the last seen first."""
    return UserDevice.objects.filter(user_id=user_id)


def is_stale(device: UserDevice, *, at: datetime) -> bool:
    """Say whether nobody has heard of the device for 30 days."""
    return device.last_seen_at < at - STALE
