"""Notifications' part of the walk over all URLs."""

from accounts.models import User
from tests.notifications.factories import make_device, tell
from tests.walk import own_row


@own_row("notifications/devices/<int:device_id>/")
def device(owner: User) -> dict[str, object]:
    return {"device_id": make_device(owner).pk}


@own_row("notifications/inbox/<uuid:notification_id>/read/")
@own_row("notifications/<uuid:notification_id>/delivered/")
@own_row("notifications/<uuid:notification_id>/opened/")
def message(owner: User) -> dict[str, object]:
    return {"notification_id": tell(owner).notification_id}
