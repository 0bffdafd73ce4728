"""Moving dates to today."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from orders.imports.shifting import moved, shift_to

ZONE = ZoneInfo("Africa/Johannesburg")


def local(text: str, zone: ZoneInfo = ZONE) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


@pytest.mark.parametrize(
    ("newest", "now", "days", "hours"),
    [
        ("2011-12-09T12:50", "2026-11-20T15:00", 5460, 0),
        ("2011-12-09T12:50", "2026-11-20T12:50", 5460, 0),
        ("2011-12-09T12:50", "2026-11-20T12:49", 5460, -1),
        ("2011-12-09T12:50", "2026-11-20T11:50", 5460, -1),
        ("2011-12-09T12:50", "2026-11-20T11:49", 5460, -2),
        ("2011-12-09T23:59", "2026-11-20T00:01", 5460, -24),
        ("2026-11-20T09:00", "2026-11-20T15:00", 0, 0),
        ("2026-11-22T09:00", "2026-11-20T15:00", -2, 0),
        ("2024-02-29T09:00", "2024-03-01T09:00", 1, 0),
    ],
)
def test_the_newest_comes_to_today_and_never_after_now(newest: str, now: str, days: int, hours: int) -> None:
    shift = shift_to(local(now), local(newest), ZONE)
    assert shift == timedelta(days=days, hours=hours)
    assert moved(local(newest), shift, ZONE) <= local(now)


def test_today_is_a_day_of_the_programmes_zone() -> None:
    now = datetime(2026, 11, 19, 23, 30, tzinfo=ZoneInfo("UTC"))  # 01:30 on the 20th in Johannesburg
    assert shift_to(now, local("2011-12-09T01:00"), ZONE) == timedelta(days=5460)


def test_the_time_of_day_stays_across_a_change_of_the_clocks() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    summer = moved(local("2026-03-28T09:00", berlin), timedelta(days=1), berlin)
    assert summer == local("2026-03-29T09:00", berlin)
    assert summer.utcoffset() == timedelta(hours=2)
