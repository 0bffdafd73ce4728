"""How the admin's pages of campaigns write numbers and times."""

from django import template

from core import shown

register = template.Library()

register.filter("moment", shown.moment)


@register.filter
def number(value: int) -> str:
    """Write a number with its thousands apart."""
    return f"{value:,}"
