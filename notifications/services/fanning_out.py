"""What becomes of pushes that are due: sent to which devices, held back, or dropped, each with its reason."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.db.models import QuerySet

from accounts.contracts import MemberLocale
from accounts.facade import member_locales
from core.arrays import bigints
from notifications.contracts import Channel, Purpose
from notifications.models import (
    Campaign,
    NotificationPolicy,
    PushNotification,
    UserDevice,
)
from notifications.rules import is_wanted, quiet_until
from notifications.selectors.devices import STALE
from notifications.selectors.preferences import quiet_hours, switched_off
from notifications.services.tallying import tally

Status = PushNotification.Status

NO_MEMBER = "the member is not there or blocked"
SWITCHED_OFF = "the member has switched it off"
QUIET = "quiet hours"
NO_DEVICE = "no device to send to"
CAPPED = "the day's marketing is used up"
PAUSED = "the campaign is paused"
STOPPED = "the campaign was stopped"


@dataclass(frozen=True, slots=True)
class _Fate:
    """What is decided of one push."""

    push: PushNotification
    status: str
    reason: str = ""
    due_at: datetime | None = None
    devices: tuple["_Device", ...] = ()


class _Device(NamedTuple):
    """Where a push may go. No model: making one takes longer than sending to it."""

    id: int
    address: str
    kind: str
    last_seen_at: datetime


@dataclass(frozen=True, slots=True)
class Leased:
    """A push to one device that is the caller's to send, and the try that it is."""

    send_id: int
    tries: int
    push: PushNotification
    address: str
    is_fid: bool


def due_pushes(at: datetime, *, of_campaigns: bool) -> QuerySet[PushNotification]:
    """Return the pushes that are to be decided now, those of campaigns or all others: each have an index."""
    return PushNotification.objects.filter(
        status__in=[Status.PENDING, Status.HELD], due_at__lte=at, campaign__isnull=not of_campaigns
    )


@transaction.atomic
def fan_out(*, limit: int, lease: timedelta, at: datetime) -> tuple[list[Leased], int]:
    """Decide up to `limit` pushes that are due, and lease what is to be sent of them to the caller.

    Those of no campaign come first, however long a campaign's have been due. Preferences, quiet hours and
    devices count as they are now, not as they were when the push was written.
    Returns the sends, and how many pushes were decided.
    """
    pushes: list[PushNotification] = []
    for of_campaigns in (False, True):
        if len(pushes) < limit:
            due = due_pushes(at, of_campaigns=of_campaigns).order_by("due_at", "id")
            pushes += due.select_for_update(skip_locked=True)[: limit - len(pushes)]
    if not pushes:
        return [], 0
    fates = _decide(pushes, at)
    _write(fates, at)
    sends = _lease(fates, until=at + lease, at=at)
    tally(Counter((fate.status, fate.reason) for fate in fates if fate.status != Status.SENDING))
    return sends, len(pushes)


def _decide(pushes: Sequence[PushNotification], at: datetime) -> list[_Fate]:
    members = {push.user_id for push in pushes if push.user_id is not None}
    locales = member_locales(members)
    off = switched_off(members)
    quiet = quiet_hours(members)
    devices = _devices(members)
    resting = _resting_campaigns({push.campaign_id for push in pushes if push.campaign_id is not None})
    fates: list[_Fate] = []
    capped: list[_Fate] = []
    for push in pushes:
        if push.campaign_id in resting:
            fates.append(_Fate(push, *resting[push.campaign_id]))
            continue
        locale = locales.get(push.user_id or 0)
        if locale is None or push.user_id is None:
            fates.append(_Fate(push, Status.DROPPED, NO_MEMBER))
            continue
        if not is_wanted(push.notification_type, push.category, Channel.PUSH, off.get(push.user_id, ())):
            fates.append(_Fate(push, Status.DROPPED, SWITCHED_OFF))
            continue
        is_marketing = push.notification_type == Purpose.MARKETING
        begins, ends = quiet[push.user_id]
        if is_marketing and (until := quiet_until(at, zone=locale.zone, begins=begins, ends=ends)):
            fates.append(_Fate(push, Status.HELD, QUIET, due_at=until))
            continue
        reached = tuple(
            device
            for device in devices.get(push.user_id, ())
            if not (is_marketing and device.last_seen_at < at - STALE)
        )
        if not reached:
            fates.append(_Fate(push, Status.DROPPED, NO_DEVICE))
            continue
        fate = _Fate(push, Status.SENDING, devices=reached)
        (capped if is_marketing else fates).append(fate)
    return fates + _within_the_cap(capped, locales, at)


def _resting_campaigns(campaign_ids: Collection[int]) -> dict[int | None, tuple[str, str]]:
    """Return what becomes of the pushes of campaigns that are paused or stopped, and why."""
    if not campaign_ids:
        return {}
    fates = {
        Campaign.Status.PAUSED: (Status.PAUSED, PAUSED),
        Campaign.Status.STOPPED: (Status.CANCELLED, STOPPED),
    }
    found = Campaign.objects.filter(pk__in=campaign_ids, status__in=fates)
    return {pk: fates[Campaign.Status(status)] for pk, status in found.values_list("pk", "status")}


def _devices(members: Iterable[int]) -> dict[int, list[_Device]]:
    """Read the devices that can be reached, and hold back whoever would take one away meanwhile."""
    found: defaultdict[int, list[_Device]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT user_id, id, device_token, kind, last_seen_at FROM user_devices
            WHERE user_id = ANY(%s::bigint[]) AND is_active ORDER BY id FOR KEY SHARE
            """,
            [bigints(members)],
        )
        for user_id, *device in cursor.fetchall():
            found[user_id].append(_Device(*device))
    return found


def _within_the_cap(fates: Sequence[_Fate], locales: dict[int, MemberLocale], at: datetime) -> list[_Fate]:
    """Count marketing against each member's own day, under a lock, and drop what is above the cap."""
    if not fates:
        return []
    cap = NotificationPolicy.objects.get().marketing_a_day
    days = {fate: _day(fate, locales, at) for fate in fates}
    # An erasure may have taken a member's count between the two statements.
    had = dict.fromkeys(days.values(), 0) | _lock_counts(sorted(set(days.values())))
    before = dict(had)
    kept = []
    for fate in fates:
        day = days[fate]
        if had[day] < cap:
            had[day] += 1
            kept.append(fate)
        else:
            kept.append(_Fate(fate.push, Status.DROPPED, CAPPED))
    _write_counts({day: count for day, count in had.items() if count != before[day]})
    return kept


def _day(fate: _Fate, locales: dict[int, MemberLocale], at: datetime) -> tuple[int, date]:
    assert fate.push.user_id is not None
    return fate.push.user_id, at.astimezone(locales[fate.push.user_id].zone).date()


def _lock_counts(days: Sequence[tuple[int, date]]) -> dict[tuple[int, date], int]:
    arrays: list[Any] = [[user_id for user_id, _ in days], [day for _, day in days]]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO marketing_counts (user_id, day, count)
            SELECT k.user_id, k.day, 0 FROM unnest(%s::bigint[], %s::date[]) k (user_id, day)
            ORDER BY 1, 2 ON CONFLICT DO NOTHING
            """,
            arrays,
        )
        cursor.execute(
            """
            SELECT c.user_id, c.day, c.count
            FROM unnest(%s::bigint[], %s::date[]) k (user_id, day)
            JOIN marketing_counts c ON c.user_id = k.user_id AND c.day = k.day
            ORDER BY c.user_id, c.day FOR UPDATE OF c
            """,
            arrays,
        )
        return {(user_id, day): count for user_id, day, count in cursor.fetchall()}


def _write_counts(counts: dict[tuple[int, date], int]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE marketing_counts SET count = k.count
            FROM unnest(%s::bigint[], %s::date[], %s::int[]) k (user_id, day, count)
            WHERE marketing_counts.user_id = k.user_id AND marketing_counts.day = k.day
            """,
            [[user_id for user_id, _ in counts], [day for _, day in counts], list(counts.values())],
        )


def _write(fates: Sequence[_Fate], at: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE push_notifications p
            SET status = f.status, reason = f.reason, due_at = coalesce(f.due_at, p.due_at), updated_at = %s
            FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::timestamptz[])
                 f (id, status, reason, due_at)
            WHERE p.id = f.id
            """,
            [
                at,
                [fate.push.pk for fate in fates],
                [str(fate.status) for fate in fates],
                [fate.reason for fate in fates],
                [fate.due_at for fate in fates],
            ],
        )


def _lease(fates: Sequence[_Fate], *, until: datetime, at: datetime) -> list[Leased]:
    sends = {(fate.push.pk, device.id): (fate.push, device) for fate in fates for device in fate.devices}
    if not sends:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO push_sends
                (push_id, device_id, state, due_at, tries, error, message_name, created_at, updated_at)
            SELECT s.push_id, s.device_id, 'pending', %s, 1, '', '', %s, %s
            FROM unnest(%s::bigint[], %s::bigint[]) s (push_id, device_id)
            RETURNING id, push_id, device_id
            """,
            [
                until,
                at,
                at,
                bigints(push_id for push_id, _ in sends),
                bigints(device_id for _, device_id in sends),
            ],
        )
        leased = []
        for send_id, push_id, device_id in cursor.fetchall():
            push, device = sends[push_id, device_id]
            leased.append(Leased(send_id, 1, push, device.address, device.kind == UserDevice.Address.FID))
        return leased
