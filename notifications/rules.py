"""Whether a member wants a message, and when it may disturb them. Pure."""

from collections.abc import Container
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from notifications.contracts import Channel, Purpose

_MINUTE = timedelta(minutes=1)


def is_wanted(
    purpose: str, category: str, channel: Channel, switched_off: Container[tuple[str, str]]
) -> bool:
    """Say whether a message goes out on a channel, by the (category, channel) pairs that are switched off.

    A message belongs to its own category and to its purpose's; either switched off keeps it away. What is
    transactional always reaches the inbox.
    """
    if channel == Channel.INBOX and purpose == Purpose.TRANSACTIONAL:
        return True
    return (purpose, channel) not in switched_off and (category, channel) not in switched_off


def quiet_until(at: datetime, *, zone: ZoneInfo, begins: time, ends: time) -> datetime | None:
    """Return when the quiet hours end that `at` lies in, or None outside of them.

    Half open, in local time: from `begins` on and no more at `ends`; over midnight when `ends` is earlier;
    none when both are equal. When the clocks skip the end, they end with the gap.
    """
    local = at.astimezone(zone)
    clock = local.time()
    over_midnight = ends < begins
    quiet = clock >= begins or clock < ends if over_midnight else begins <= clock < ends
    if not quiet:
        return None
    day = local.date() + timedelta(days=1) if over_midnight and clock >= begins else local.date()
    return _next_showing(datetime.combine(day, ends), zone, after=at)


def _next_showing(local: datetime, zone: ZoneInfo, *, after: datetime) -> datetime:
    """Return the first instant after `after` at which clocks show `local`, or more when they skip it."""
    # Both readings of a time that the clocks show twice, or not at all; the walk is over an hour at most.
    instant = min(local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    while instant <= after or instant.astimezone(zone).replace(tzinfo=None) < local:
        instant += _MINUTE
    return instant
