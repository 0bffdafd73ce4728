"""Devices, preferences, messages and campaigns."""

from notifications.models.campaigns import Campaign, CampaignText, NotificationTemplate
from notifications.models.devices import UserDevice
from notifications.models.messages import InboxMessage, PushNotification, PushSend
from notifications.models.preferences import (
    MarketingCount,
    NotificationPolicy,
    NotificationPreference,
    QuietHours,
)
from notifications.models.tallies import PushTally

__all__ = [
    "Campaign",
    "CampaignText",
    "InboxMessage",
    "MarketingCount",
    "NotificationPolicy",
    "NotificationPreference",
    "NotificationTemplate",
    "PushNotification",
    "PushSend",
    "PushTally",
    "QuietHours",
    "UserDevice",
]
