"""The programme's settings: one row, and what each of them touches."""

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from rewards.admin.setting import Preview, SettingAdmin
from rewards.admin.tiers import NOBODY_TOLD, rejudging
from rewards.models import Programme
from rewards.selectors.programme import programme_rules
from rewards.services.tiers import preview_tiers

TOUCHES = {
    "hold_days": (
        "The hold is for purchase points that are earned from now on: what members have stays as it is."
    ),
    "points_valid_months": (
        "The new validity is for points that are earned from now on: what members have keeps its date."
    ),
    "restored_points_days": "The new time is for points that are given back from now on.",
    "point_value": (
        "Points are worth the new amount in orders from now on; orders that points paid keep what they paid."
    ),
    "minimum_points": "The new minimum is for orders from now on.",
    "voucher_valid_days": "The new validity is for vouchers that are redeemed or set free from now on.",
}


@admin.register(Programme)
class ProgrammeAdmin(SettingAdmin):
    fieldsets = (
        ("Tiers", {"fields": ("tier_basis",), "description": "What members are judged by."}),
        (
            "Points",
            {
                "fields": ("hold_days", "points_valid_months", "restored_points_days"),
                "description": "For points that are earned or given back from now on, and no others.",
            },
        ),
        (
            "Paying with points",
            {"fields": ("point_value", "minimum_points"), "description": "For orders from now on."},
        ),
        ("Vouchers", {"fields": ("voucher_valid_days",)}),
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Programme | None = None) -> bool:
        return False

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Go to the only row."""
        return HttpResponseRedirect(reverse("admin:rewards_programme_change", args=[1]))

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        context = {
            **rejudging(),
            "title": "Programme settings",
            "subtitle": None,
            "show_save_and_continue": False,
            **(extra_context or {}),
        }
        return super().change_view(request, object_id, form_url, context)

    def preview(self, stored: Programme, proposed: Programme, changed: set[str], at: datetime) -> Preview:
        touches = tuple(sentence for name, sentence in TOUCHES.items() if name in changed)
        if "tier_basis" not in changed:
            return Preview(touches)
        shifts = preview_tiers(programme_rules().tiers, at=at, basis=proposed.tier_basis)
        return Preview((NOBODY_TOLD, *touches), shifts)
