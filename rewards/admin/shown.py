"""How benefits, members and orders are written in the admin."""

from typing import Any

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from core.shown import rand
from rewards.models import RedemptionOption, UserVoucher


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
