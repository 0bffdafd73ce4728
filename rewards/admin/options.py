"""Redemption options: what points buy."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from core.shown import counted
from rewards.admin.setting import Preview, SettingAdmin, SettingForm
from rewards.admin.shown import worth
from rewards.models import RedemptionOption, UserVoucher
from rewards.models.programme import BenefitType
from rewards.selectors.reach import members_in_reach


class OptionForm(SettingForm):
    def clean(self) -> dict[str, Any] | None:
        """Say at the field what the database's constraint asks of a category discount."""
        cleaned = super().clean() or {}
        category, value = cleaned.get("category"), cleaned.get("value")
        if cleaned.get("type") == BenefitType.CATEGORY_DISCOUNT:
            if category is None and "category" not in self.errors:
                self.add_error("category", "A category discount needs a category.")
            if value is not None and value > 100:
                self.add_error("value", "A percentage is 100 at most.")
        elif category is not None:
            self.add_error("category", "Only a category discount has a category.")
        return cleaned


@admin.register(RedemptionOption)
class RedemptionOptionAdmin(SettingAdmin):
    form = OptionForm
    list_display = ("name", "id", "worth", "points_required", "min_tier", "is_active")
    list_select_related = ("min_tier",)
    list_filter = ("is_active", "type", "min_tier")
    search_fields = ("name", "id")
    search_help_text = "Name or id."
    fields = (
        "name",
        "id",
        "description",
        "type",
        "value",
        "category",
        "points_required",
        "min_tier",
        "is_active",
    )
    plain_fields = frozenset({"name", "description"})
    nothing_yet = "There are no redemption options yet: points buy nothing."

    @admin.display(description="worth", ordering="value")
    def worth(self, option: RedemptionOption) -> str:
        return worth(option)

    def get_readonly_fields(
        self, request: HttpRequest, obj: RedemptionOption | None = None
    ) -> tuple[str, ...]:
        return () if obj is None else ("id",)

    def get_prepopulated_fields(
        self, request: HttpRequest, obj: RedemptionOption | None = None
    ) -> dict[str, Sequence[str]]:
        return {"id": ("name",)} if obj is None else {}

    def preview(
        self, stored: RedemptionOption | None, proposed: RedemptionOption, changed: set[str], at: datetime
    ) -> Preview:
        before, after = _in_reach(stored), _in_reach(proposed)
        if before is None and after is None:
            return Preview(("Nobody sees it: the option stays inactive.",))
        return Preview(
            (
                f"Today {_reach_sentence(before)}; after saving {_reach_sentence(after)}.",
                "Vouchers that members have already keep their worth.",
            )
        )

    def preview_deletion(self, stored: RedemptionOption, at: datetime) -> Preview:
        return Preview(
            (f"Today {_reach_sentence(_in_reach(stored))}; after deleting {_reach_sentence(None)}.",)
        )

    def kept_because(self, stored: RedemptionOption) -> str | None:
        if not UserVoucher.objects.filter(option=stored).exists():
            return None
        return f"{stored} can't be deleted: members have vouchers of it. Deactivate it instead."


def _in_reach(option: RedemptionOption | None) -> int | None:
    """Return how many members can redeem an option, or None when it isn't offered."""
    if option is None or not option.is_active:
        return None
    return members_in_reach(option.points_required, option.min_tier)


def _reach_sentence(members: int | None) -> str:
    if members is None:
        return "nobody can redeem it"
    return f"{counted(members, 'member has', 'members have')} the points and the tier for it"
