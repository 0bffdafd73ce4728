"""The programme's arithmetic: points for a purchase, dates, tiers, discounts. Pure functions."""

import calendar
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal
from functools import lru_cache

CENT = Decimal("0.01")
ONE_DAY = timedelta(days=1)


def purchase_points(basis: Decimal, points_per_rand: Decimal) -> int:
    """Return floor(basis × rate): whole points for `basis` rand; the only rounding of an earn."""
    return int((basis * points_per_rand).to_integral_value(ROUND_FLOOR))


def matures_at(earned_at: datetime, hold_days: int, zone: tzinfo) -> datetime:
    """Return the same wall-clock time `hold_days` later in `zone`: when held points can be spent."""
    return earned_at.astimezone(zone) + timedelta(days=hold_days)


def expires_at(earned_at: datetime, valid_months: int | None, zone: tzinfo) -> datetime | None:
    """Return the first instant at which points are gone, or None for never.

    That is the end of the local day `valid_months` calendar months after the local earning day; a day that
    the month lacks becomes its last (31 January and a month: 28 or 29 February).
    """
    if valid_months is None:
        return None
    return _end_of_months(earned_at.astimezone(zone).date(), valid_months, zone)


@lru_cache(maxsize=1024)
def _end_of_months(day: date, valid_months: int, zone: tzinfo) -> datetime:
    months = day.year * 12 + day.month - 1 + valid_months
    year, month = divmod(months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return end_of_day(datetime(year, month + 1, min(day.day, last), tzinfo=zone), zone)


def expires_after_days(start: datetime, days: int, zone: tzinfo) -> datetime:
    """Return the end of the local day `days` days after `start`."""
    return end_of_day(start.astimezone(zone) + timedelta(days=days), zone)


def end_of_day(moment: datetime, zone: tzinfo) -> datetime:
    """Return the midnight that ends the local day of `moment`: half-open, so not part of that day."""
    following = moment.astimezone(zone).date() + timedelta(days=1)
    return datetime.combine(following, time.min, tzinfo=zone)


def year_before(moment: datetime, zone: tzinfo) -> datetime:
    """Return the same local time a calendar year earlier; 28 February for the 29th."""
    local = moment.astimezone(zone)
    day = 28 if (local.month, local.day) == (2, 29) else local.day
    return local.replace(year=local.year - 1, day=day)


@dataclass(frozen=True, slots=True)
class Tier:
    """A tier as the rules see it."""

    id: int
    name: str
    min_points: int
    benefits: tuple[str, ...] = ()


def tier_for(points: int, tiers: Sequence[Tier]) -> Tier | None:
    """Return the highest of `tiers` (ascending) whose threshold `points` reach, or None below the first."""
    reached = None
    for tier in tiers:
        if tier.min_points > points:
            break
        reached = tier
    return reached


def tier_after(points: int, tiers: Sequence[Tier]) -> Tier | None:
    """Return the next tier to reach, or None at the top."""
    return next((tier for tier in tiers if tier.min_points > points), None)


def tier_progress(points: int, following: Tier | None) -> float:
    """Return basis ÷ the next tier's threshold, cut to four decimals; 1.0 at the top and only there."""
    return points * 10_000 // following.min_points / 10_000 if following else 1.0


def voucher_code(typed: str) -> str:
    """Return a voucher's code as it is stored, from what somebody typed."""
    return typed.strip().upper()


def voucher_discount(kind: str, value: Decimal, base: Decimal, shipping: Decimal = Decimal(0)) -> Decimal:
    """Return what a voucher takes off, in rand: never more than what it is taken off from.

    `base` is the goods that it applies to: all of them for a `discount_voucher`, the category's for a
    `category_discount`, whose `value` is a percentage. `free_shipping` takes off `shipping`.
    """
    if kind == "free_shipping":
        return shipping
    if kind == "category_discount":
        return (base * value / 100).quantize(CENT, ROUND_HALF_UP)
    return min(value, base)
