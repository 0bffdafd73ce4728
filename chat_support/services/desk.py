"""Changing the desk's terms and texts: every change is audited."""

from collections.abc import Mapping
from typing import Any

from django.db import models, transaction

from chat_support.models import CannedAnswer, Holiday, SupportTarget, WorkingHours
from core import audit
from core.contracts import Actor

DeskSetting = SupportTarget | WorkingHours | Holiday | CannedAnswer


@transaction.atomic
def save_desk_setting(setting: DeskSetting, *, actor: Actor) -> None:
    """Save what staff changed or made; it counts for what is reckoned from now on."""
    stored = type(setting)._default_manager.select_for_update().filter(pk=setting.pk).first()
    before = _values(stored) if stored else {}
    setting.save()
    after = _values(setting)
    changed = [name for name in after if before.get(name) != after[name]]
    if changed:
        audit.record(
            actor=actor,
            action=f"{setting._meta.model_name}.{'change' if stored else 'add'}",
            target=setting,
            before={name: before[name] for name in changed if name in before},
            after={name: after[name] for name in changed},
        )


@transaction.atomic
def delete_desk_setting(setting: DeskSetting, *, actor: Actor) -> None:
    """Delete one; its values stay in the trail."""
    audit.record(
        actor=actor,
        action=f"{setting._meta.model_name}.delete",
        target=setting,
        before=_values(setting),
        after={},
    )
    setting.delete()


@transaction.atomic
def ensure_canned_answers(texts: Mapping[str, str], *, actor: Actor) -> None:
    """Add the canned answers (name → text) whose names are free."""
    known = set(CannedAnswer.objects.filter(name__in=texts).values_list("name", flat=True))
    for name, text in texts.items():
        if name not in known:
            save_desk_setting(CannedAnswer(name=name, text=text), actor=actor)


def _values(setting: models.Model) -> dict[str, Any]:
    return {
        field.attname: field.value_from_object(setting)
        for field in setting._meta.concrete_fields
        if field.name not in ("id", "created_at", "updated_at")
    }
