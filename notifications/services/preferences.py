"""Members choose what they hear of, and when."""

from datetime import datetime, time
from typing import TypedDict

from django.db import transaction

from core.errors import DomainError
from notifications.models import NotificationPreference, QuietHours
from notifications.selectors.preferences import categories, is_changeable


class UnknownCategory(DomainError):
    """No message belongs to such a category."""

    code, status, title = "unknown_category", 400, "There is no such category"


class AlwaysInTheInbox(DomainError):
    """What is transactional can't be kept out of the inbox."""

    code, status, title = "always_in_the_inbox", 400, "This always reaches the inbox"


class Switch(TypedDict):
    category: str
    channel: str
    enabled: bool


class Hours(TypedDict):
    """Quiet hours by the member's own clock; equal times mean none."""

    begins: time
    ends: time


class Changes(TypedDict, total=False):
    """What a member chooses anew; what is not there stays. Quiet hours of None are the policy's again."""

    preferences: list[Switch]
    quiet_hours: Hours | None


@transaction.atomic
def choose(user_id: int, changes: Changes, *, at: datetime) -> None:
    """Switch categories on and off and set quiet hours; of a category named twice the last counts.

    Raises:
        UnknownCategory, AlwaysInTheInbox: nothing is changed.
    """
    if "preferences" in changes:
        _switch(user_id, changes["preferences"], at=at)
    if "quiet_hours" in changes:
        hours = changes["quiet_hours"]
        if hours is None:
            QuietHours.objects.filter(user_id=user_id).delete()
        else:
            QuietHours.objects.update_or_create(user_id=user_id, defaults=dict(hours))


def _switch(user_id: int, switches: list[Switch], *, at: datetime) -> None:
    known = set(categories())
    for one in switches:
        if one["category"] not in known:
            raise UnknownCategory(f"There is no category {one['category']}.", field="preferences")
        if not one["enabled"] and not is_changeable(one["category"], one["channel"]):
            raise AlwaysInTheInbox(f"{one['category']} always reaches the inbox.", field="preferences")
    last = {(one["category"], one["channel"]): one["enabled"] for one in switches}
    NotificationPreference.objects.bulk_create(
        [
            NotificationPreference(
                user_id=user_id, category=category, channel=channel, enabled=enabled, updated_at=at
            )
            for (category, channel), enabled in sorted(last.items())
        ],
        update_conflicts=True,
        unique_fields=["user", "category", "channel"],
        update_fields=["enabled", "updated_at"],
    )
