"""Devices, and members who are told something."""

import itertools
from typing import Any

from accounts.models import User
from notifications.contracts import Kind, Purpose
from notifications.kinds import kind_called, register_kind
from notifications.models import InboxMessage, UserDevice
from notifications.services.notifying import notify

_numbers = itertools.count(1)


def _kind(name: str, purpose: Purpose, category: str) -> Kind:
    return kind_called(name) or register_kind(
        Kind(
            name=name,
            label=name,
            category=category,
            purpose=purpose,
            title="{points} points",
            body="You have {points} points, {name}.",
            facts={"points": "120", "name": "Thandi"},
        )
    )


TRANSACTIONAL = _kind("test_transactional", Purpose.TRANSACTIONAL, "test-orders")
OPERATIONAL = _kind("test_operational", Purpose.OPERATIONAL, "test-service")
MARKETING = _kind("test_marketing", Purpose.MARKETING, "test-offers")


def make_device(owner: User, **fields: Any) -> UserDevice:
    return UserDevice.objects.create(
        **{"user": owner, "device_token": f"token-{next(_numbers)}", "platform": "android", **fields}
    )


def tell(member: User, kind: Kind = OPERATIONAL, key: str = "", **facts: str | int) -> InboxMessage:
    """Notify once and return the message."""
    key = key or f"key-{next(_numbers)}"
    notify(user_id=member.pk, kind=kind.name, facts={"points": 7, "name": "Thandi", **facts}, key=key)
    return InboxMessage.objects.get(user=member, key=key)
