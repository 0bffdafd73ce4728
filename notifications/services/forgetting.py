"""Deleting what notifications leave behind."""

from datetime import datetime, timedelta

from core.forgetting import forget
from notifications.models import InboxMessage, MarketingCount, PushNotification, UserDevice
from notifications.services.devices import GONE

PUSHES_KEPT = timedelta(days=90)
INBOX_KEPT = timedelta(days=365)
_COUNTS_KEPT = timedelta(days=3)
"""A day has ended everywhere by then."""


def forget_old(*, at: datetime) -> int:
    """Delete devices unseen for 270 days, pushes after 90, what the inbox has had for a year, and the counts
    of past days, in chunks; return how many rows."""
    return (
        forget(UserDevice.objects.filter(last_seen_at__lt=at - GONE))
        + forget(PushNotification.objects.filter(created_at__lt=at - PUSHES_KEPT))
        + forget(InboxMessage.objects.filter(created_at__lt=at - INBOX_KEPT))
        + forget(MarketingCount.objects.filter(day__lt=(at - _COUNTS_KEPT).date()))
    )
