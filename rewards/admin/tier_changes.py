"""Moves between tiers, to look at."""

from django.contrib import admin

from rewards.admin.member_rows import MemberRowsAdmin
from rewards.admin.shown import member_link
from rewards.models import TierChange


@admin.register(TierChange)
class TierChangeAdmin(MemberRowsAdmin):
    list_display = ("created_at", "member", "from_tier", "to_tier", "points", "reason")
    list_select_related = ("user", "from_tier", "to_tier")
    list_filter = ("reason", "to_tier")
    list_display_links = ("created_at",)
    ordering = ("-id",)
    fields = ("created_at", "member", "from_tier", "to_tier", "points", "reason")
    nothing_yet = "No member has moved between tiers yet."

    @admin.display(description="member", ordering="user_id")
    def member(self, change: TierChange) -> str:
        return member_link(change.user)

    @admin.display(description="judged by", ordering="basis_points")
    def points(self, change: TierChange) -> str:
        return f"{change.basis_points:,} points"
