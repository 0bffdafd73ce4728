"""Everything that notifications keep of a member, for themselves."""

from datetime import datetime
from typing import Any

from notifications.models import (
    InboxMessage,
    NotificationPreference,
    PushNotification,
    QuietHours,
    UserDevice,
)


def export_member_devices(user_id: int) -> dict[str, Any]:
    """Return a member's devices, wishes, inbox and pushes, oldest first, as JSON can hold it.

    Five queries for any number of rows.
    """
    hours = QuietHours.objects.filter(user_id=user_id).first()
    return {
        "devices": [_device(one) for one in UserDevice.objects.filter(user_id=user_id).order_by("pk")],
        "preferences": list(
            NotificationPreference.objects.filter(user_id=user_id)
            .order_by("category", "channel")
            .values("category", "channel", "enabled")
        ),
        "quiet_hours": hours and {"begins": f"{hours.begins:%H:%M}", "ends": f"{hours.ends:%H:%M}"},
        "inbox": [
            _message(one) for one in InboxMessage.objects.filter(user_id=user_id).order_by("pk").iterator()
        ],
        "pushes": [
            _push(one) for one in PushNotification.objects.filter(user_id=user_id).order_by("pk").iterator()
        ],
    }


def _device(device: UserDevice) -> dict[str, Any]:
    return {
        "device_token": device.device_token,
        "kind": device.kind,
        "platform": device.platform,
        "device_info": device.device_info,
        "is_active": device.is_active,
        "registered_at": _moment(device.created_at),
        "last_seen_at": _moment(device.last_seen_at),
    }


def _message(message: InboxMessage) -> dict[str, Any]:
    return {
        "notification_id": str(message.notification_id),
        "kind": message.kind,
        "category": message.category,
        "title": message.title,
        "body": message.body,
        "link": message.link,
        "is_shown": not message.withheld,
        "created_at": _moment(message.created_at),
        "read_at": _moment(message.read_at),
    }


def _push(push: PushNotification) -> dict[str, Any]:
    return {
        "notification_id": str(push.notification_id),
        "kind": push.kind,
        "title": push.title,
        "message": push.message,
        "payload": push.payload,
        "status": push.status,
        "scheduled_at": _moment(push.scheduled_at),
        "sent_at": _moment(push.sent_at),
        "delivered_at": _moment(push.delivered_at),
        "opened_at": _moment(push.opened_at),
    }


def _moment(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
