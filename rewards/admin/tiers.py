"""Tiers: how many members are in each, and how many would move before a threshold is changed."""

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.contrib.admin.widgets import AdminTextareaWidget
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse

from core import outbox
from core.models import OutboxMessage
from core.shown import counted
from rewards.admin.setting import Preview, SettingAdmin, SettingForm
from rewards.models import LoyaltyTier, RedemptionOption, TierChange
from rewards.rules import Tier
from rewards.selectors.programme import programme_rules
from rewards.services.tiers import CHUNK, preview_tiers

JUDGING = "rewards.tiers"
NOBODY_TOLD = (
    "Everybody is judged by the new tiers after saving, in the background. Nobody is sent a message."
)


class LinesField(forms.CharField):
    """A list of texts, one a line."""

    widget = AdminTextareaWidget

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> list[str]:
        return _lines(super().clean(value))

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(list(initial or []) != _lines(self.to_python(data) or ""))


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


class TierForm(SettingForm):
    benefits = LinesField(required=False, help_text="One a line, as the app shows them.")


class TierList(ChangeList):
    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[Any]:
        tiers: QuerySet[LoyaltyTier] = super().get_queryset(request, exclude_parameters)
        return tiers.annotate(members=Count("accounts"))


def rejudging() -> dict[str, Any]:
    """Tell how far a recalculation of everybody's tier is, for the pages that can start one."""
    return {
        "judging": outbox.pending(JUDGING),
        "judging_failed": OutboxMessage.objects.dead().filter(subscriber=JUDGING).count(),
        "judging_subscriber": JUDGING,
        "judging_chunk": CHUNK,
    }


@admin.register(LoyaltyTier)
class LoyaltyTierAdmin(SettingAdmin):
    form = TierForm
    list_display = ("name", "threshold", "members", "what_it_gives", "updated_at")
    fields = ("name", "min_points", "benefits")
    plain_fields = frozenset({"name", "benefits"})
    nothing_yet = "There are no tiers yet: every member is without one."

    @admin.display(description="from points", ordering="min_points")
    def threshold(self, tier: LoyaltyTier) -> str:
        return f"{tier.min_points:,}"

    @admin.display(description="members")
    def members(self, tier: Any) -> str:
        return f"{tier.members:,}"

    @admin.display(description="benefits")
    def what_it_gives(self, tier: LoyaltyTier) -> str:
        return "; ".join(tier.benefits) or "-"

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return TierList

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return super().changelist_view(request, {**rejudging(), **(extra_context or {})})

    def preview(
        self, stored: LoyaltyTier | None, proposed: LoyaltyTier, changed: set[str], at: datetime
    ) -> Preview:
        tier = Tier(proposed.pk or 0, proposed.name, proposed.min_points)
        others = [other for other in programme_rules().tiers if other.id != proposed.pk]
        return _preview([*others, tier], at)

    def preview_deletion(self, stored: LoyaltyTier, at: datetime) -> Preview:
        return _preview([tier for tier in programme_rules().tiers if tier.id != stored.pk], at)

    def kept_because(self, stored: LoyaltyTier) -> str | None:
        if members := stored.accounts.count():
            reason = f"{counted(members, 'member is', 'members are')} in it"
        elif TierChange.objects.filter(Q(from_tier=stored) | Q(to_tier=stored)).exists():
            reason = "members' histories name it"
        elif RedemptionOption.objects.filter(min_tier=stored).exists():
            reason = "redemption options ask for it"
        else:
            return None
        return f"{stored} can't be deleted: {reason}. Change its name or its threshold instead."


def _preview(proposed: list[Tier], at: datetime) -> Preview:
    shifts = preview_tiers(sorted(proposed, key=lambda tier: tier.min_points), at=at)
    return Preview((NOBODY_TOLD,), shifts)
