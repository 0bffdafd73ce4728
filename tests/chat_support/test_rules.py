"""Steps and working time, which is tested against counting every minute."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chat_support.models import SupportTicket
from chat_support.rules import STEPS, Calendar, after_working, working_time

JOHANNESBURG = ZoneInfo("Africa/Johannesburg")
LONDON = ZoneInfo("Europe/London")
MINUTE = timedelta(minutes=1)
WEEKDAYS = {day: (time(8), time(17)) for day in range(5)}
DESK = Calendar(JOHANNESBURG, WEEKDAYS, frozenset({date(2026, 3, 21), date(2026, 4, 27)}))


def at(text: str, zone: ZoneInfo = JOHANNESBURG) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


def test_every_state_of_a_ticket_has_its_row_in_the_table():
    states = set(SupportTicket.Status.values)
    assert STEPS.keys() == states
    assert all(to <= states and state not in to for state, to in STEPS.items())


@pytest.mark.parametrize(
    ("since", "minutes", "by"),
    [
        ("2026-03-02T09:00", 60, "2026-03-02T10:00"),
        ("2026-03-02T09:00", 480, "2026-03-02T17:00"),  # the last minute of the day counts
        ("2026-03-02T09:00", 481, "2026-03-03T08:01"),
        ("2026-03-02T06:00", 60, "2026-03-02T09:00"),  # before opening
        ("2026-03-06T16:30", 60, "2026-03-09T08:30"),  # over a weekend
        ("2026-03-07T12:00", 15, "2026-03-09T08:15"),  # at a weekend
        ("2026-04-24T16:00", 120, "2026-04-28T09:00"),  # over a weekend and a holiday
        ("2026-03-02T09:00", 5 * 540, "2026-03-09T09:00"),  # a week of days of nine hours
        ("2026-03-02T20:00", 0, "2026-03-02T20:00"),
    ],
)
def test_working_minutes_are_added_over_nights_weekends_and_holidays(since, minutes, by):
    assert after_working(DESK, at(since), minutes * MINUTE) == at(by)


@pytest.mark.parametrize(
    ("since", "until", "minutes"),
    [
        ("2026-03-02T09:00", "2026-03-02T09:30", 30),
        ("2026-03-06T16:30", "2026-03-09T08:30", 60),
        ("2026-03-07T09:00", "2026-03-08T18:00", 0),
        ("2026-04-24T17:00", "2026-04-28T08:00", 0),
        ("2026-03-02T00:00", "2026-03-09T00:00", 5 * 540),
    ],
)
def test_working_time_between_two_moments(since, until, minutes):
    assert working_time(DESK, at(since), at(until)) == minutes * MINUTE


def test_a_night_desk_works_the_hour_that_comes_twice_and_not_the_one_that_is_skipped():
    desk = Calendar(LONDON, dict.fromkeys(range(7), (time(0), time(6))))
    forward, back = date(2026, 3, 29), date(2026, 10, 25)
    for day, hours in ((forward, 5), (back, 7), (date(2026, 6, 1), 6)):
        midnight = datetime.combine(day, time(), tzinfo=LONDON)
        noon = datetime.combine(day, time(12), tzinfo=LONDON)
        assert working_time(desk, midnight, noon) == timedelta(hours=hours)
        assert after_working(desk, midnight, timedelta(hours=hours)) == noon.replace(hour=6)


def test_a_desk_that_opens_in_a_skipped_hour_opens_when_that_is_over():
    desk = Calendar(LONDON, {6: (time(1, 30), time(4))})
    midnight = at("2026-03-29T00:00", LONDON)
    assert after_working(desk, midnight, MINUTE) == datetime(2026, 3, 29, 1, 1, tzinfo=UTC)


def test_a_desk_that_never_opens_is_never_done():
    assert after_working(Calendar(JOHANNESBURG, {}), at("2026-03-02T09:00"), MINUTE) is None


# --- against counting ---------------------------------------------------------------------------------------


def working_minutes(desk: Calendar, since: datetime, until: datetime) -> int:
    """Count the minutes in which the desk is open, by a clock that is never turned back."""
    count, furthest = 0, datetime.min
    moment = since.astimezone(UTC) - timedelta(hours=30)
    while moment < until.astimezone(UTC):
        furthest = max(furthest, moment.astimezone(desk.zone).replace(tzinfo=None))
        opens, closes = desk.hours.get(furthest.weekday(), (time(), time()))
        is_open = opens <= furthest.time() < closes and furthest.date() not in desk.holidays
        if moment >= since.astimezone(UTC) and is_open:
            count += 1
        moment += MINUTE
    return count


ZONES = [
    JOHANNESBURG,
    LONDON,
    ZoneInfo("America/New_York"),
    ZoneInfo("Australia/Lord_Howe"),  # turns its clocks by half an hour
    ZoneInfo("America/Santiago"),  # at midnight
]
# Around the changes of 2026 in each of the zones, and a week of nothing.
DAYS = [date(2026, 3, 8), date(2026, 3, 29), date(2026, 4, 5), date(2026, 9, 6), date(2026, 10, 4)]
DAYS += [date(2026, 10, 25), date(2026, 11, 1), date(2026, 6, 1)]


@st.composite
def desks(draw: st.DrawFn) -> Calendar:
    minutes = st.integers(0, 24 * 60 - 1)
    hours = {}
    for day in draw(st.sets(st.integers(0, 6))):
        opens, closes = sorted(draw(st.tuples(minutes, minutes)))
        if opens < closes:
            hours[day] = (time(*divmod(opens, 60)), time(*divmod(closes, 60)))
    near = [day + number * timedelta(days=1) for day in DAYS for number in (-1, 0, 1)]
    return Calendar(
        draw(st.sampled_from(ZONES)), hours, frozenset(draw(st.sets(st.sampled_from(near), max_size=3)))
    )


@st.composite
def moments(draw: st.DrawFn) -> datetime:
    midnight = datetime.combine(draw(st.sampled_from(DAYS)), time(), tzinfo=UTC)
    return midnight + draw(st.integers(-2 * 1440, 2 * 1440)) * MINUTE


@settings(max_examples=150, deadline=None)
@given(desk=desks(), since=moments(), length=st.integers(0, 3 * 1440))
@example(
    desk=Calendar(LONDON, {6: (time(1, 15), time(1, 45))}),
    since=datetime(2026, 10, 24, tzinfo=UTC),
    length=2880,
)
def test_working_time_is_what_counting_every_minute_finds(desk, since, length):
    until = since + length * MINUTE
    assert working_time(desk, since, until) == working_minutes(desk, since, until) * MINUTE


@settings(max_examples=150, deadline=None)
@given(desk=desks(), since=moments(), needed=st.integers(1, 900))
def test_after_so_much_working_time_counting_finds_so_much_and_a_minute_before_less(desk, since, needed):
    done = after_working(desk, since, needed * MINUTE)
    if done is None:
        assert desk.hours == {} or working_minutes(desk, since, since + timedelta(days=7)) == 0
    elif done - since < timedelta(days=9):
        assert working_minutes(desk, since, done) == needed
        assert working_minutes(desk, since, done - MINUTE) == needed - 1


@settings(max_examples=100, deadline=None)
@given(desk=desks(), since=moments(), first=st.integers(1, 900), then=st.integers(1, 900))
def test_working_time_adds_up(desk, since, first, then):
    halfway = after_working(desk, since, first * MINUTE)
    if halfway is not None:
        both = after_working(desk, since, (first + then) * MINUTE)
        assert after_working(desk, halfway, then * MINUTE) == both
        assert working_time(desk, since, both) == (first + then) * MINUTE
