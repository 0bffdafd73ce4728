"""The admin's pages of notifications."""

from notifications.admin.campaigns import CampaignAdmin
from notifications.admin.members import InboxMessageAdmin, PushNotificationAdmin, UserDeviceAdmin
from notifications.admin.policy import NotificationPolicyAdmin
from notifications.admin.templates import NotificationTemplateAdmin

__all__ = [
    "CampaignAdmin",
    "InboxMessageAdmin",
    "NotificationPolicyAdmin",
    "NotificationTemplateAdmin",
    "PushNotificationAdmin",
    "UserDeviceAdmin",
]
