"""What other apps may call of notifications."""

from notifications.kinds import register_kind
from notifications.services.notifying import notify, notify_many

__all__ = ["notify", "notify_many", "register_kind"]
