"""Changing the programme: every change is audited, and tiers that it touches are judged anew."""

from typing import Any

from django.db import models, transaction

from core.audit import record
from core.contracts import Actor
from rewards.models import EarningRule, LoyaltyTier, Programme, RedemptionOption, TierChange
from rewards.services.posting import hold_judgements
from rewards.services.tiers import schedule_rejudging

Setting = Programme | LoyaltyTier | EarningRule | RedemptionOption


@transaction.atomic
def save_setting(setting: Setting, *, actor: Actor, reason: str = "") -> bool:
    """Save a part of the programme that an admin changed or made; returns whether everybody is judged anew.

    Nobody is told of the tier moves that follow from a changed threshold or basis.
    """
    if isinstance(setting, LoyaltyTier | Programme):
        hold_judgements()
    stored = type(setting)._default_manager.select_for_update().filter(pk=setting.pk).first()
    before = _values(stored) if stored else {}
    if isinstance(setting, EarningRule) and isinstance(stored, EarningRule):
        setting.version = stored.version  # it never goes back, however old the form is
    setting.save()
    setting.refresh_from_db()  # the database counts the version
    after = _values(setting)
    if before == after:
        return False
    verb = "change" if stored else "add"
    record(
        actor=actor, action=_action(setting, verb), target=setting, before=before, after=after, reason=reason
    )
    judged = _moves_tiers(setting, before, after)
    if judged:
        schedule_rejudging(reason=TierChange.Reason.THRESHOLD, quietly=True)
    return judged


@transaction.atomic
def delete_setting(setting: Setting, *, actor: Actor, reason: str = "") -> None:
    """Delete a part of the programme that nothing refers to."""
    before = _values(setting)
    record(
        actor=actor, action=_action(setting, "delete"), target=setting, before=before, after={}, reason=reason
    )
    setting.delete()


def _moves_tiers(setting: Setting, before: dict[str, Any], after: dict[str, Any]) -> bool:
    if isinstance(setting, LoyaltyTier):
        return bool(before.get("min_points") != after["min_points"])
    return isinstance(setting, Programme) and bool(before.get("tier_basis") != after["tier_basis"])


def _action(setting: models.Model, verb: str) -> str:
    return f"{setting._meta.model_name}.{verb}"


def _values(setting: models.Model) -> dict[str, Any]:
    return {
        field.attname: field.value_from_object(setting)
        for field in setting._meta.concrete_fields
        if field.name not in ("created_at", "updated_at")
    }
