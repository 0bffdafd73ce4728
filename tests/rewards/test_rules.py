"""The programme's arithmetic."""

from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from rewards import rules
from rewards.rules import Tier

ZONE = ZoneInfo("Africa/Johannesburg")
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("basis", "rate", "points"),
    [
        ("0.00", "0.10", 0),
        ("9.99", "0.10", 0),
        ("10.00", "0.10", 1),
        ("19.99", "0.10", 1),
        ("139.12", "0.10", 13),
        ("0.30", "10.00", 3),
        ("1.15", "100.00", 115),
        ("99999999.99", "999.99", 99998999990),
    ],
)
def test_mistake_14_points_of_a_purchase_are_floored_without_floats(basis, rate, points):
    assert rules.purchase_points(Decimal(basis), Decimal(rate)) == points


@pytest.mark.parametrize(
    ("earned", "months", "expires"),
    [
        ("2026-03-02T10:00", 24, "2028-03-03T00:00"),
        ("2026-01-31T10:00", 1, "2026-03-01T00:00"),
        ("2028-01-31T10:00", 1, "2028-03-01T00:00"),  # leap year: 29 February
        ("2028-02-29T10:00", 12, "2029-03-01T00:00"),
        ("2028-02-29T10:00", 48, "2032-03-01T00:00"),
        ("2026-08-31T23:59", 1, "2026-10-01T00:00"),
        ("2026-12-31T00:00", 2, "2027-03-01T00:00"),
    ],
)
def test_mistake_13_months_are_clamped_to_the_months_end(earned, months, expires):
    earned_at = datetime.fromisoformat(earned).replace(tzinfo=ZONE)
    assert rules.expires_at(earned_at, months, ZONE) == datetime.fromisoformat(expires).replace(tzinfo=ZONE)


def test_mistake_12_the_day_of_expiry_is_the_programmes_and_not_utcs():
    late_evening = datetime(2026, 3, 1, 22, 30, tzinfo=ZoneInfo("UTC"))  # 2 March in Johannesburg
    expected = datetime(2026, 4, 3, 0, 0, tzinfo=ZONE)
    assert rules.expires_at(late_evening, 1, ZONE) == expected
    assert expected.astimezone(ZoneInfo("UTC")).isoformat() == "2026-04-02T22:00:00+00:00"


def test_points_that_never_expire_have_no_date():
    assert rules.expires_at(datetime(2026, 3, 2, tzinfo=ZONE), None, ZONE) is None


@pytest.mark.parametrize(
    ("start", "days", "end"),
    [("2026-03-27T12:00", 2, "2026-03-30T00:00"), ("2026-10-23T12:00", 2, "2026-10-26T00:00")],
)
def test_mistake_13_days_count_by_the_local_calendar_over_a_clock_change(start, days, end):
    begun = datetime.fromisoformat(start).replace(tzinfo=BERLIN)
    assert rules.expires_after_days(begun, days, BERLIN) == datetime.fromisoformat(end).replace(tzinfo=BERLIN)


def test_held_points_mature_at_the_same_wall_clock_time():
    before_the_change = datetime(2026, 3, 28, 12, 0, tzinfo=BERLIN)
    assert rules.matures_at(before_the_change, 1, BERLIN) == datetime(2026, 3, 29, 12, 0, tzinfo=BERLIN)


TIERS = (Tier(1, "Bronze", 0), Tier(2, "Silver", 1000), Tier(3, "Gold", 5000))


@pytest.mark.parametrize(
    ("points", "tier", "following", "progress"),
    [
        (0, "Bronze", "Silver", 0.0),
        (999, "Bronze", "Silver", 0.999),
        (1000, "Silver", "Gold", 0.2),
        (4999, "Silver", "Gold", 0.9998),
        (5000, "Gold", None, 1.0),
        (10**12, "Gold", None, 1.0),
    ],
)
def test_a_tier_is_reached_at_its_threshold(points, tier, following, progress):
    reached, after = rules.tier_for(points, TIERS), rules.tier_after(points, TIERS)
    assert (reached.name, after and after.name, rules.tier_progress(points, after)) == (
        tier,
        following,
        progress,
    )


def test_below_the_lowest_threshold_there_is_no_tier():
    assert rules.tier_for(5, (Tier(1, "Bronze", 10),)) is None
    assert rules.tier_for(5, ()) is None


@pytest.mark.parametrize(
    ("kind", "value", "base", "shipping", "discount"),
    [
        ("discount_voucher", "25", "100.00", "60", "25"),
        ("discount_voucher", "25", "19.99", "60", "19.99"),
        ("category_discount", "15", "99.90", "60", "14.99"),  # 14.985 rounds half up
        ("category_discount", "100", "99.90", "60", "99.90"),
        ("free_shipping", "0", "100.00", "60.00", "60.00"),
        ("free_shipping", "0", "100.00", "0", "0"),
    ],
)
def test_mistake_18_a_voucher_takes_off_no_more_than_there_is(kind, value, base, shipping, discount):
    found = rules.voucher_discount(kind, Decimal(value), Decimal(base), Decimal(shipping))
    assert found == Decimal(discount)


def test_progress_never_says_that_the_next_tier_is_reached_before_it_is():
    assert rules.tier_progress(99_999, Tier(9, "Diamond", 100_000)) == 0.9999


@pytest.mark.parametrize(("day", "before"), [("2028-02-29", "2027-02-28"), ("2029-02-28", "2028-02-28")])
def test_a_year_ago_is_the_same_day_or_the_last_of_february(day, before):
    at = datetime.fromisoformat(f"{day}T10:00").replace(tzinfo=ZONE)
    assert rules.year_before(at, ZONE).isoformat() == f"{before}T10:00:00+02:00"
