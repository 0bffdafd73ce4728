"""The shop's terms of sale: one row."""

from django.contrib import admin

from core.audited_admin import OneRowAdmin
from orders.checkout_models import CheckoutSettings


@admin.register(CheckoutSettings)
class CheckoutSettingsAdmin(OneRowAdmin):
    """A change counts for what is priced from now on; orders keep what they cost."""

    fieldsets = (
        ("Shipping", {"fields": ("shipping_fee", "free_shipping_from")}),
        ("VAT", {"fields": ("vat_rate", "vat_included")}),
        ("Orders", {"fields": ("minimum_subtotal", "unpaid_minutes", "quote_minutes")}),
    )
