"""How points, money and members are written in the admin."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from rewards.models import RedemptionOption, UserVoucher


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


def worth(benefit: RedemptionOption | UserVoucher) -> str:
    """Write what an option or a voucher takes off."""
    if benefit.type == "free_shipping":
        return "free shipping"
    if benefit.type == "category_discount":
        return f"{benefit.value.normalize():f} %"
    return rand(benefit.value)


def member_link(user: Any) -> SafeString:
    """Link a member's name to the page of their points."""
    return format_html(
        '<a href="{}">{}</a>', reverse("admin:rewards_userpoints_of", args=[user.pk]), user.get_username()
    )


def order_link(order: Any) -> SafeString | str:
    """Link an order's number to its page."""
    if order is None:
        return "-"
    return format_html(
        '<a href="{}">{}</a>', reverse("admin:orders_order_change", args=[order.pk]), order.number
    )
