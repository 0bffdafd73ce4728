"""When people buy: months, paydays, weekends, Black Friday; and the shop's calendar."""

from bisect import bisect_right
from calendar import monthrange
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from itertools import accumulate
from random import Random

from demo.shop import at

DAY = timedelta(days=1)
SATURDAY, SUNDAY = 5, 6
# December's presents, January's school fees, Easter, Heritage Day.
_MONTHS = (0.75, 0.8, 0.95, 1.05, 0.95, 1.0, 1.0, 0.95, 1.05, 1.05, 1.6, 1.7)
_PAYDAY = 25
# Monday to Sunday.
_WEEKDAYS = (0.9, 0.85, 0.9, 0.95, 1.1, 1.2, 1.15)
# By hour: quiet nights, a lunch break, long evenings.
_HOURS = (1, 0, 0, 0, 0, 1, 2, 4, 5, 6, 6, 7, 9, 8, 6, 5, 5, 6, 8, 11, 13, 12, 7, 3)


class Demand:
    """How likely an order is on each day of a range (half-open)."""

    def __init__(self, first: date, end: date) -> None:
        self._first = first
        days = (end - first).days
        self._upto = [0.0, *accumulate(demand_on(first + n * DAY) for n in range(days))]

    def draw_day(self, rng: Random, since: date) -> date:
        """Draw a day of the range, none before `since`."""
        passed = self._upto[max((since - self._first).days, 0)]
        point = rng.uniform(passed, self._upto[-1])
        return self._first + min(bisect_right(self._upto, point) - 1, len(self._upto) - 2) * DAY


def demand_on(day: date) -> float:
    """Return how busy a day is; 1.0 is about the average."""
    demand = _MONTHS[day.month - 1] * _WEEKDAYS[day.weekday()]
    if day.day >= _PAYDAY:
        demand *= 1.4
    if is_black_friday_week(day):
        demand *= 3.0 if day == black_friday(day.year) else 1.5
    return demand


def black_friday(year: int) -> date:
    """Return the day after November's fourth Thursday."""
    first = date(year, 11, 1)
    return first + timedelta(days=(3 - first.weekday()) % 7 + 22)


def is_black_friday_week(day: date) -> bool:
    """Say whether the day is in the Monday to Friday of the sale."""
    return black_friday(day.year) - 4 * DAY <= day <= black_friday(day.year)


def draw_time(rng: Random, day: date) -> datetime:
    """Draw a moment of the day at which people shop."""
    (hour,) = rng.choices(range(24), _HOURS)
    return at(day, time(hour, rng.randrange(60), rng.randrange(60)))


def draw_between(rng: Random, day: date, first_hour: int, end_hour: int) -> datetime:
    """Draw a moment of the day between two full hours (half-open)."""
    return at(day, time(rng.randrange(first_hour, end_hour), rng.randrange(60), rng.randrange(60)))


def working_day(day: date) -> date:
    """Return the day, or the Monday after a weekend."""
    return day + (7 - day.weekday()) * DAY if day.weekday() >= SATURDAY else day


def last_before(day: date, weekday: int) -> date:
    """Return the last day of that weekday before `day`."""
    return day - ((day.weekday() - weekday - 1) % 7 + 1) * DAY


def first_from(day: date, weekday: int) -> date:
    """Return the first day of that weekday, `day` included."""
    return day + (weekday - day.weekday()) % 7 * DAY


def sundays(first: date, end: date) -> Iterator[date]:
    """Yield the Sundays of a range (half-open)."""
    day = first_from(first, SUNDAY)
    while day < end:
        yield day
        day += 7 * DAY


def years_before(day: date, years: int) -> date:
    """Return the same day of an earlier year; 29 February becomes the 28th where there is none."""
    year = day.year - years
    return date(year, day.month, min(day.day, monthrange(year, day.month)[1]))
