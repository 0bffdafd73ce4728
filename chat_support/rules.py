"""The states of a ticket, and the reckoning of working time. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

OPEN, IN_PROGRESS, RESOLVED, CLOSED = "open", "in_progress", "resolved", "closed"

STEPS: dict[str, frozenset[str]] = {
    OPEN: frozenset({IN_PROGRESS, RESOLVED, CLOSED}),
    IN_PROGRESS: frozenset({OPEN, RESOLVED, CLOSED}),
    RESOLVED: frozenset({OPEN, CLOSED}),
    CLOSED: frozenset({OPEN}),
}
"""From a state to those that it may change to; to open again is to reopen."""

UNSOLVED = frozenset({OPEN, IN_PROGRESS})
"""The states in which somebody has still to do something: the targets run, and an agent is wanted."""

PRIORITIES = ("urgent", "high", "medium", "low")
"""The most urgent first."""

_MINUTE, _DAY = timedelta(minutes=1), timedelta(days=1)
_HORIZON_DAYS = 10 * 366


@dataclass(frozen=True, slots=True)
class Calendar:
    """When a desk is open: for each day of the week (Monday is 0) from when to when, but not on holidays."""

    zone: ZoneInfo
    hours: Mapping[int, tuple[time, time]]
    holidays: frozenset[date] = field(default_factory=frozenset)

    def stretches(self, first: date, days: int) -> Iterator[tuple[datetime, datetime]]:
        """Yield, in UTC, from when to when the desk is open, for that many local days from `first` on.

        A stretch begins when the clocks first show the opening hour and ends when they first show the closing
        hour, or more where they skip it. An hour in between that they show twice is worked twice.
        """
        for number in range(days):
            day = first + number * _DAY
            hours = self.hours.get(day.weekday())
            if hours is not None and day not in self.holidays:
                opens, closes = (_first_showing(datetime.combine(day, clock), self.zone) for clock in hours)
                yield opens, closes


def working_time(calendar: Calendar, since: datetime, until: datetime) -> timedelta:
    """Return how much of the time between two moments the desk is open."""
    since, until = since.astimezone(UTC), until.astimezone(UTC)
    first, last = (moment.astimezone(calendar.zone).date() for moment in (since, until))
    return sum(
        (
            max(min(closes, until) - max(opens, since), timedelta())
            for opens, closes in calendar.stretches(first, (last - first).days + 1)
        ),
        timedelta(),
    )


def after_working(calendar: Calendar, since: datetime, needed: timedelta) -> datetime | None:
    """Return the first moment, in UTC, by which the desk was open for `needed` since `since`.

    None when that is more than ten years away, as it is when the desk never opens.
    """
    since, left = since.astimezone(UTC), needed
    if left <= timedelta():
        return since
    for opens, closes in calendar.stretches(since.astimezone(calendar.zone).date(), _HORIZON_DAYS):
        begins = max(opens, since)
        if closes - begins >= left:
            return begins + left
        left -= max(closes - begins, timedelta())
    return None


def _first_showing(local: datetime, zone: ZoneInfo) -> datetime:
    """Return the first moment, in UTC, at which the clocks show `local`, or more when they skip it."""
    # Both readings of a time that the clocks show twice, or not at all; the walk is over the gap at most.
    moment = min(local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    while moment.astimezone(zone).replace(tzinfo=None) < local:
        moment += _MINUTE
    return moment
