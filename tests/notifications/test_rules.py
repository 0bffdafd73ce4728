"""When marketing waits, by the member's own clock, and what a switch keeps away."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifications.contracts import Channel
from notifications.rules import is_wanted, quiet_until

JOHANNESBURG = ZoneInfo("Africa/Johannesburg")
NEW_YORK = ZoneInfo("America/New_York")
SANTIAGO = ZoneInfo("America/Santiago")  # its clocks change at midnight


def at(zone: ZoneInfo, *parts: int, fold: int = 0) -> datetime:
    return datetime(*parts, tzinfo=zone, fold=fold)


@pytest.mark.parametrize(
    ("clock", "begins", "ends", "until"),
    [
        ((2026, 6, 1, 20, 59), time(21), time(8), None),
        ((2026, 6, 1, 21, 0), time(21), time(8), (2026, 6, 2, 8)),
        ((2026, 6, 1, 23, 59), time(21), time(8), (2026, 6, 2, 8)),
        ((2026, 6, 1, 0, 0), time(21), time(8), (2026, 6, 1, 8)),
        ((2026, 6, 1, 7, 59), time(21), time(8), (2026, 6, 1, 8)),
        ((2026, 6, 1, 8, 0), time(21), time(8), None),
        ((2026, 6, 1, 12, 30), time(12), time(14), (2026, 6, 1, 14)),
        ((2026, 6, 1, 14, 0), time(12), time(14), None),
        ((2026, 6, 1, 8, 0), time(8), time(8), None),
        ((2026, 12, 31, 23, 0), time(22), time(6), (2027, 1, 1, 6)),
    ],
)
def test_quiet_hours_begin_and_end_by_the_local_clock(clock, begins, ends, until):
    found = quiet_until(at(JOHANNESBURG, *clock), zone=JOHANNESBURG, begins=begins, ends=ends)
    assert found == (at(JOHANNESBURG, *until) if until else None)


def test_an_end_that_the_clocks_skip_is_the_end_of_the_gap():
    for hour, minute in ((1, 0), (1, 59)):
        found = quiet_until(
            at(NEW_YORK, 2026, 3, 8, hour, minute), zone=NEW_YORK, begins=time(21), ends=time(2, 30)
        )
        assert found == datetime(2026, 3, 8, 7, 0, tzinfo=UTC)  # 03:00 of the new time
    found = quiet_until(at(SANTIAGO, 2026, 9, 5, 23, 0), zone=SANTIAGO, begins=time(21), ends=time(0, 0))
    assert found == datetime(2026, 9, 6, 4, 0, tzinfo=UTC)  # 24:00 is 01:00


def test_an_end_that_comes_twice_is_the_next_of_them():
    first = at(NEW_YORK, 2026, 11, 1, 1, 30)
    assert quiet_until(first, zone=NEW_YORK, begins=time(21), ends=time(1, 45)) == datetime(
        2026, 11, 1, 5, 45, tzinfo=UTC
    )
    again = at(NEW_YORK, 2026, 11, 1, 1, 30, fold=1)
    assert quiet_until(again, zone=NEW_YORK, begins=time(21), ends=time(1, 45)) == datetime(
        2026, 11, 1, 6, 45, tzinfo=UTC
    )


clocks = st.times().map(lambda clock: clock.replace(second=0, microsecond=0))


@given(
    st.datetimes(min_value=datetime(2026, 1, 1), max_value=datetime(2027, 12, 31)),
    clocks,
    clocks,
    st.sampled_from([JOHANNESBURG, NEW_YORK, SANTIAGO, ZoneInfo("Australia/Lord_Howe")]),
)
def test_the_end_is_later_within_a_day_and_no_longer_quiet(moment, begins, ends, zone):
    now = moment.replace(tzinfo=UTC)
    until = quiet_until(now, zone=zone, begins=begins, ends=ends)
    if until is not None:
        assert now < until <= now + timedelta(hours=25)
        assert until.astimezone(zone).time() >= ends or begins > ends


@pytest.mark.parametrize(
    ("purpose", "channel", "off", "wanted"),
    [
        ("marketing", Channel.PUSH, set(), True),
        ("marketing", Channel.PUSH, {("marketing", "push")}, False),
        ("marketing", Channel.PUSH, {("offers", "push")}, False),
        ("marketing", Channel.PUSH, {("offers", "inbox"), ("marketing", "inbox")}, True),
        ("marketing", Channel.INBOX, {("offers", "inbox")}, False),
        ("operational", Channel.INBOX, {("operational", "inbox")}, False),
        ("transactional", Channel.INBOX, {("offers", "inbox"), ("transactional", "inbox")}, True),
        ("transactional", Channel.PUSH, {("transactional", "push")}, False),
    ],
)
def test_a_switch_keeps_away_its_category_and_its_purpose(purpose, channel, off, wanted):
    assert is_wanted(purpose, "offers", channel, off) is wanted
