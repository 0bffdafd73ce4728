"""Moving a file's dates so that its newest order is of today. Pure."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

_HOUR = timedelta(hours=1)


def shift_to(now: datetime, newest: datetime, zone: ZoneInfo) -> timedelta:
    """Return what to add to a file's local times so that `newest` falls on the day of `now`.

    Whole days, so that times of day stay; where `newest` would then lie in the future, as many whole hours
    less as bring it to `now` or before.
    """
    today, last = now.astimezone(zone).replace(tzinfo=None), newest.astimezone(zone).replace(tzinfo=None)
    shift = timedelta(days=(today.date() - last.date()).days)
    ahead = last + shift - today
    if ahead > timedelta(0):
        shift -= -(-ahead // _HOUR) * _HOUR
    return shift


def moved(at: datetime, shift: timedelta, zone: ZoneInfo) -> datetime:
    """Return the moment whose local time in `zone` is that of `at`, plus `shift`."""
    return (at.astimezone(zone).replace(tzinfo=None) + shift).replace(tzinfo=zone)
