"""How the admin's own pages write numbers and dates."""

from datetime import datetime, timedelta

from django import template
from django.utils import timezone

register = template.Library()


@register.filter
def number(value: int) -> str:
    """Write a number with its thousands apart."""
    return f"{value:,}"


@register.filter
def signed(value: int) -> str:
    """Write a number with its thousands apart and its sign."""
    return f"{value:+,}"


@register.filter
def last_day(expires_at: datetime | None) -> str:
    """Write the last local day before an expiry; `never` where there is none."""
    if expires_at is None:
        return "never"
    day = timezone.localdate(expires_at - timedelta(microseconds=1))
    return f"{day.day} {day:%b %Y}"
