"""What members want to hear of, and when they want to be left alone."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import time

from accounts.facade import member_locales
from notifications.contracts import Channel, Purpose
from notifications.kinds import kinds
from notifications.models import NotificationPolicy, NotificationPreference, QuietHours


@dataclass(frozen=True, slots=True)
class Choice:
    """Whether a category comes on a channel, and whether the member may change that."""

    category: str
    channel: str
    enabled: bool
    changeable: bool


@dataclass(frozen=True, slots=True)
class Quiet:
    """When marketing waits, by the clock of `time_zone`; `chosen` says whether the member chose it."""

    begins: time
    ends: time
    chosen: bool
    time_zone: str


@dataclass(frozen=True, slots=True)
class Preferences:
    choices: tuple[Choice, ...]
    quiet_hours: Quiet


def switched_off(user_ids: Iterable[int]) -> dict[int, set[tuple[str, str]]]:
    """Return the (category, channel) pairs that each member has switched off; who has none is left out."""
    off: defaultdict[int, set[tuple[str, str]]] = defaultdict(set)
    rows = NotificationPreference.objects.filter(user_id__in=list(user_ids), enabled=False)
    for user_id, category, channel in rows.values_list("user_id", "category", "channel"):
        off[user_id].add((category, channel))
    return dict(off)


def categories() -> tuple[str, ...]:
    """Name every category: the purposes, and those of the kinds that are registered."""
    return tuple(dict.fromkeys([*Purpose, *sorted({kind.category for kind in kinds()})]))


def is_changeable(category: str, channel: str) -> bool:
    """Say whether switching it off keeps anything away: transactional messages always reach the inbox."""
    if channel != Channel.INBOX:
        return True
    purposes = {kind.purpose for kind in kinds() if kind.category == category}
    return category != Purpose.TRANSACTIONAL and purposes != {Purpose.TRANSACTIONAL}


def preferences(user_id: int) -> Preferences:
    """Return everything that a member can choose, as it stands."""
    off = switched_off([user_id]).get(user_id, set())
    own = QuietHours.objects.filter(user_id=user_id).first()
    if own is None:
        policy = NotificationPolicy.objects.get()
        begins, ends = policy.quiet_from, policy.quiet_until
    else:
        begins, ends = own.begins, own.ends
    return Preferences(
        choices=tuple(
            Choice(
                category,
                channel.value,
                enabled=(category, channel) not in off or not is_changeable(category, channel),
                changeable=is_changeable(category, channel),
            )
            for category in categories()
            for channel in Channel
        ),
        quiet_hours=Quiet(begins, ends, own is not None, member_locales([user_id])[user_id].zone.key),
    )


def quiet_hours(user_ids: Iterable[int]) -> dict[int, tuple[time, time]]:
    """Return when each member's quiet hours begin and end: their own, or the policy's."""
    policy = NotificationPolicy.objects.get()
    own = QuietHours.objects.filter(user_id__in=list(user_ids)).values_list("user_id", "begins", "ends")
    hours = dict.fromkeys(user_ids, (policy.quiet_from, policy.quiet_until))
    return hours | {user_id: (begins, ends) for user_id, begins, ends in own}
