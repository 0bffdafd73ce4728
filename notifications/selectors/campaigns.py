"""Whom a campaign reaches, and what became of it."""

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Exists, OuterRef, QuerySet

from accounts.facade import reachable_members
from core.long_lists import AtLeast
from notifications.campaign_rules import Wording
from notifications.contracts import Purpose
from notifications.models import Campaign, CampaignText, PushNotification, UserDevice
from notifications.ports import criterion_called
from notifications.selectors.devices import STALE

Status = PushNotification.Status

WINDOW = 20_000
"""Members that are looked at in one statement: with more of them, PostgreSQL reads the orders of all."""
_SECONDS = 3.0

UNDECIDED = (Status.PENDING, Status.HELD, Status.PAUSED)
"""Pushes that have not gone out and may yet."""


class UnknownCriterion(LookupError):
    """No app registers a criterion of that name."""


@dataclass(frozen=True, slots=True)
class Reach:
    """How many members a segment has, and how many of them could get a push; `AtLeast` where the count
    stopped."""

    members: int
    with_device: int


@dataclass(frozen=True, slots=True)
class Results:
    """What became of a campaign's pushes. `sent` has those that were delivered, `delivered` those opened."""

    waiting: int
    sending: int
    paused: int
    held: Mapping[str, int]
    sent: int
    delivered: int
    opened: int
    failed: Mapping[str, int]
    dropped: Mapping[str, int]
    cancelled: int


def segment_members(segment: Mapping[str, Any], *, at: datetime) -> "QuerySet[Any]":
    """Return the members that every criterion of the segment matches; without any, everybody.

    Raises:
        UnknownCriterion: no app knows one of them.
    """
    members = reachable_members().order_by("pk")
    for name, value in segment.items():
        criterion = criterion_called(name)
        if criterion is None:
            raise UnknownCriterion(name)
        members = members.filter(pk__in=criterion.members(value, at=at))
    return members


def window_end(after: int, size: int) -> int | None:
    """Return the id up to which there are `size` members after an id; None where there are fewer."""
    ids = reachable_members().filter(pk__gt=after).order_by("pk").values_list("pk", flat=True)
    return next(iter(ids[size - 1 : size]), None)


def reach(
    segment: Mapping[str, Any], notification_type: str, *, at: datetime, seconds: float = _SECONDS
) -> Reach:
    """Count the members of a segment, and those with a device to push to, for so long at most."""
    devices = UserDevice.objects.filter(user_id=OuterRef("pk"), is_active=True)
    if notification_type == Purpose.MARKETING:
        devices = devices.filter(last_seen_at__gte=at - STALE)
    found = segment_members(segment, at=at).order_by()
    until = time.monotonic() + seconds
    members = with_device = after = 0
    while True:
        end = window_end(after, WINDOW)
        window = found.filter(pk__gt=after) if end is None else found.filter(pk__gt=after, pk__lte=end)
        counts = window.aggregate(
            members=Count("pk"), with_device=Count("pk", filter=Exists(devices.order_by()))
        )
        members, with_device = members + counts["members"], with_device + counts["with_device"]
        if end is None:
            return Reach(members, with_device)
        if time.monotonic() >= until:
            return Reach(AtLeast(members + 1), AtLeast(with_device + 1))
        after = end


def results(campaign_id: int) -> Results:
    """Count a campaign's pushes by what became of them. One query, of an index alone."""
    rows = PushNotification.objects.filter(campaign_id=campaign_id).order_by()
    counts: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for status, reason, count in rows.values_list("status", "reason").annotate(count=Count("pk")):
        counts[status][reason] = count
    total = {status: sum(counts[status].values()) for status in Status.values}
    opened = total[Status.OPENED]
    delivered = total[Status.DELIVERED] + opened
    return Results(
        waiting=total[Status.PENDING],
        sending=total[Status.SENDING],
        paused=total[Status.PAUSED],
        held=counts[Status.HELD],
        sent=total[Status.SENT] + delivered,
        delivered=delivered,
        opened=opened,
        failed=counts[Status.FAILED],
        dropped=counts[Status.DROPPED],
        cancelled=total[Status.CANCELLED],
    )


def wordings(campaign: Campaign) -> dict[str, Wording]:
    """Return what a campaign says, by language."""
    return wordings_of(campaign.texts.all())


def wordings_of(texts: Iterable[CampaignText]) -> dict[str, Wording]:
    """Return texts as rules know them, by language."""
    return {text.language: Wording(text.language, text.title, text.body, text.without_name) for text in texts}
