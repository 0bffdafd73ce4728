"""How the admin's own pages write numbers and dates."""

from django import template

from core import shown

register = template.Library()

register.filter("moment", shown.moment)
register.filter("last_day", shown.last_day)


@register.filter
def number(value: int) -> str:
    """Write a number with its thousands apart."""
    return f"{value:,}"


@register.filter
def signed(value: int) -> str:
    """Write a number with its thousands apart and its sign; nothing is neither up nor down."""
    return f"{value:+,}" if value else "0"
