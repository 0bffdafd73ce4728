"""The shop's terms of sale: one row."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from core.contracts import Actor
from orders.checkout_models import CheckoutSettings
from orders.services.settings import save_checkout_settings


@admin.register(CheckoutSettings)
class CheckoutSettingsAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """A change counts for what is priced from now on; orders keep what they cost, audit says who."""

    fieldsets = (
        ("Shipping", {"fields": ("shipping_fee", "free_shipping_from")}),
        ("VAT", {"fields": ("vat_rate", "vat_included")}),
        ("Orders", {"fields": ("minimum_subtotal", "unpaid_minutes", "quote_minutes")}),
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: CheckoutSettings | None = None) -> bool:
        return False

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Go to the only row."""
        return HttpResponseRedirect(reverse("admin:orders_checkoutsettings_change", args=[1]))

    def save_model(self, request: HttpRequest, obj: CheckoutSettings, form: Any, change: bool) -> None:
        save_checkout_settings(obj, actor=Actor.of(request.user))
