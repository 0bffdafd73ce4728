"""Moves between tiers, to look at."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.http import HttpRequest, HttpResponse

from core.member_rows import MemberRowsAdmin
from core.shown import moment
from rewards.admin.shown import member_link
from rewards.models import TierChange


@admin.register(TierChange)
class TierChangeAdmin(MemberRowsAdmin):
    list_display = ("when", "member", "from_tier", "to_tier", "points", "reason")
    list_select_related = ("user", "from_tier", "to_tier")
    list_filter = ("reason", "to_tier")
    ordering = ("-id",)
    sortable_by = ("when",)
    fields = ("when", "member", "from_tier", "to_tier", "points", "reason")
    nothing_yet = "No member has moved between tiers yet."

    @admin.display(description="when", ordering="id")
    def when(self, change: TierChange) -> str:
        return moment(change.created_at)

    @admin.display(description="member", ordering="user_id")
    def member(self, change: TierChange) -> str:
        return member_link(change.user)

    @admin.display(description="judged by", ordering="basis_points")
    def points(self, change: TierChange) -> str:
        return f"{change.basis_points:,} points"

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        change: TierChange | None = self.get_object(request, unquote(object_id))
        context: dict[str, Any] = {}
        if change is not None and self.has_view_permission(request, change):
            tiers = " → ".join(str(tier or "no tier") for tier in (change.from_tier, change.to_tier))
            context = {"title": f"{change.user}: {tiers}", "subtitle": None}
        return super().change_view(request, object_id, form_url, context | (extra_context or {}))
