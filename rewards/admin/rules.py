"""Earning rules: what a change earns, before and after."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from core.shown import counted
from rewards import rules
from rewards.admin.setting import Preview, SettingAdmin, SettingForm
from rewards.models import EarningRule
from rewards.selectors.programme import ActiveRule, active_rules

Type = EarningRule.RuleType
EXAMPLES = (50, 250, 1000)  # rand
EVENTS = {
    Type.REFERRAL: "A referral",
    Type.REVIEW: "A review",
    Type.SIGNUP: "A sign-up",
}


class RuleForm(SettingForm):
    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or {}
        rule_type = cleaned.get("rule_type")
        if cleaned.get("is_active") and rule_type:
            other = EarningRule.objects.filter(is_active=True, rule_type=rule_type).exclude(
                pk=self.instance.pk
            )
            if found := other.first():
                # Said at the field; the database's constraint is behind it.
                self.add_error(
                    "is_active", f"{found.name} is active for this type: deactivate it before this one is."
                )
        return cleaned


@admin.register(EarningRule)
class EarningRuleAdmin(SettingAdmin):
    """Rules are deactivated and never deleted: ledger lines name them by id and version."""

    form = RuleForm
    list_display = ("name", "rule_type", "earns", "is_active", "version", "updated_at")
    list_filter = ("is_active", "rule_type")
    fields = ("name", "description", "rule_type", "points_per_rand", "points_amount", "is_active", "version")
    readonly_fields = ("version",)
    plain_fields = frozenset({"name", "description"})
    nothing_yet = "There are no earning rules yet: nothing earns points."

    def get_fieldsets(self, request: HttpRequest, obj: EarningRule | None = None) -> Any:
        fields = [name for name in self.fields if obj is not None or name != "version"]
        description = (
            "Purchases earn by the rand, rounded down a whole order; everything else earns a fixed amount. "
            "A rule that is no longer wanted is deactivated: the ledger names it, so it is never deleted."
        )
        return [(None, {"fields": fields, "description": description})]

    def has_delete_permission(self, request: HttpRequest, obj: EarningRule | None = None) -> bool:
        return False

    @admin.display(description="earns")
    def earns(self, rule: EarningRule) -> str:
        if rule.rule_type != Type.PURCHASE:
            return counted(rule.points_amount, "point")
        points = rules.purchase_points(Decimal(250), rule.points_per_rand)
        return f"{rule.points_per_rand} per rand ({counted(points, 'point')} for R250)"

    def preview(
        self, stored: EarningRule | None, proposed: EarningRule, changed: set[str], at: datetime
    ) -> Preview:
        types = {proposed.rule_type} | ({stored.rule_type} if stored else set())
        today = active_rules(types)
        after = {kind: rule for kind, rule in today.items() if stored is None or rule.id != stored.pk}
        if proposed.is_active:
            after[proposed.rule_type] = _as_active(proposed)
        sentences = [
            sentence for kind in sorted(types) for sentence in effects(kind, today.get(kind), after.get(kind))
        ]
        if not sentences:
            return Preview(("Nothing earns more or less: the rule stays inactive.",))
        return Preview(
            (*sentences, "Points that are earned already stay; a return takes back by the rule as it was.")
        )


def _as_active(rule: EarningRule) -> ActiveRule:
    return ActiveRule(
        rule.pk or 0, rule.name, rule.rule_type, rule.version, rule.points_per_rand, rule.points_amount
    )


def effects(kind: str, today: ActiveRule | None, after: ActiveRule | None) -> list[str]:
    """Say what events of a type earn today and after; nothing where that is the same."""
    if kind == Type.PURCHASE:
        examples = [
            (f"A R{rands:,} order", _for_purchase(today, rands), _for_purchase(after, rands))
            for rands in EXAMPLES
        ]
    else:
        examples = [(EVENTS[Type(kind)], _for_event(today), _for_event(after))]
    return [
        f"{event} earns {counted(was, 'point')} today, {will:,} after."
        for event, was, will in examples
        if was != will
    ]


def _for_purchase(rule: ActiveRule | None, rands: int) -> int:
    return rules.purchase_points(Decimal(rands), rule.points_per_rand) if rule else 0


def _for_event(rule: ActiveRule | None) -> int:
    return rule.points_amount if rule else 0
