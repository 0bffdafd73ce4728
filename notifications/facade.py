"""What other apps may call of notifications."""

from notifications.kinds import register_kind
from notifications.selectors.exporting import export_member_devices
from notifications.services.campaigns import ensure_campaign, schedule_campaign
from notifications.services.devices import register_device
from notifications.services.erasing import erase_member_devices
from notifications.services.notifying import notify, notify_many
from notifications.services.templates import ensure_template

__all__ = [
    "ensure_campaign",
    "ensure_template",
    "erase_member_devices",
    "export_member_devices",
    "notify",
    "notify_many",
    "register_device",
    "register_kind",
    "schedule_campaign",
]
