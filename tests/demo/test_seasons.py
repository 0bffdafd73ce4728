"""The shop's calendar."""

from datetime import date
from random import Random

import pytest

from demo.seasons import (
    SATURDAY,
    SUNDAY,
    Demand,
    black_friday,
    demand_on,
    first_from,
    is_black_friday_week,
    last_before,
    sundays,
    working_day,
    years_before,
)


@pytest.mark.parametrize(
    ("year", "day"),
    [(2024, 29), (2025, 28), (2026, 27), (2027, 26), (2028, 24), (2029, 23)],
)
def test_black_friday_is_the_day_after_the_fourth_thursday_of_november(year: int, day: int) -> None:
    assert black_friday(year) == date(year, 11, day)
    assert is_black_friday_week(date(year, 11, day - 4))
    assert not is_black_friday_week(date(year, 11, day - 5))
    assert not is_black_friday_week(date(year, 11, day + 1))


@pytest.mark.parametrize(
    ("day", "demand"),
    [
        (date(2026, 6, 10), 0.9),  # a Wednesday in the middle of a month
        (date(2026, 6, 13), 1.2),  # a Saturday
        (date(2026, 6, 27), 1.2 * 1.4),  # the Saturday after payday
        (date(2026, 1, 14), 0.75 * 0.9),  # January is quiet
        (date(2026, 12, 16), 1.7 * 0.9),
        (date(2026, 11, 27), 1.6 * 1.1 * 1.4 * 3.0),  # Black Friday
    ],
)
def test_demand_follows_the_month_the_week_payday_and_black_friday(day: date, demand: float) -> None:
    assert demand_on(day) == pytest.approx(demand)


def test_a_drawn_day_is_in_the_range_and_not_before_the_member_joined() -> None:
    demand = Demand(date(2026, 1, 1), date(2026, 2, 1))
    rng = Random(1)
    whole = [demand.draw_day(rng, date(2025, 6, 1)) for _ in range(2000)]
    assert (min(whole), max(whole)) == (date(2026, 1, 1), date(2026, 1, 31))
    late = {demand.draw_day(rng, date(2026, 1, 30)) for _ in range(200)}
    assert late == {date(2026, 1, 30), date(2026, 1, 31)}


@pytest.mark.parametrize(
    ("day", "earlier"),
    [
        (date(2026, 11, 20), date(2024, 11, 20)),
        (date(2028, 2, 29), date(2026, 2, 28)),
        (date(2026, 2, 28), date(2024, 2, 28)),
    ],
)
def test_two_years_before_a_leap_day_is_the_28th(day: date, earlier: date) -> None:
    assert years_before(day, 2) == earlier


def test_weekdays_are_found_before_and_after_a_day() -> None:
    friday, saturday, sunday = date(2026, 11, 20), date(2026, 11, 21), date(2026, 11, 22)
    assert last_before(saturday, SATURDAY) == date(2026, 11, 14)
    assert last_before(sunday, SATURDAY) == saturday
    assert first_from(saturday, SATURDAY) == saturday
    assert first_from(sunday, SATURDAY) == date(2026, 11, 28)
    assert list(sundays(friday, date(2026, 12, 6))) == [sunday, date(2026, 11, 29)]
    assert last_before(sunday, SUNDAY) == date(2026, 11, 15)
    assert working_day(friday) == friday
    assert working_day(saturday) == working_day(sunday) == date(2026, 11, 23)
