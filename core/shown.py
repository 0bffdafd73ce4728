"""How numbers, times and money are written in the admin."""

from datetime import datetime, timedelta
from decimal import Decimal

from django.utils import timezone


def counted(number: int, noun: str, plural: str = "") -> str:
    """Write a number with its noun: `1 member`, `1,200 members`."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def moment(at: datetime | None) -> str:
    """Write a time in the programme's zone; `-` where there is none."""
    if at is None:
        return "-"
    local = timezone.localtime(at)
    return f"{local.day} {local:%b %Y, %H:%M}"


def last_day(expires_at: datetime | None) -> str:
    """Write the last local day before an expiry; `never` where there is none."""
    if expires_at is None:
        return "never"
    day = timezone.localdate(expires_at - timedelta(microseconds=1))
    return f"{day.day} {day:%b %Y}"


def rand(amount: Decimal) -> str:
    """Write an amount in rand."""
    return f"R{amount:,.2f}"
