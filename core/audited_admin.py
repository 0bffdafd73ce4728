"""Settings that staff change in the admin: every change leaves a row in the audit trail."""

from typing import Any

from django.contrib import admin
from django.db import models
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from core import audit
from core.contracts import Actor


class AuditedAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Saves and deletes as Django does, in its transaction, and says who did it."""

    actions = None
    show_full_result_count = False

    def save_model(self, request: HttpRequest, obj: models.Model, form: Any, change: bool) -> None:
        """Save, and write down what differs from before; a form that changes nothing leaves nothing."""
        stored = type(obj)._default_manager.select_for_update().filter(pk=obj.pk).first() if change else None
        super().save_model(request, obj, form, change)
        before, after = _values(stored) if stored else {}, _values(obj)
        changed = [name for name in after if name not in before or before[name] != after[name]]
        if changed:
            audit.record(
                actor=Actor.of(request.user),
                action=f"{obj._meta.model_name}.{'change' if stored else 'add'}",
                target=obj,
                before={name: before[name] for name in changed if name in before},
                after={name: after[name] for name in changed},
            )

    def delete_model(self, request: HttpRequest, obj: models.Model) -> None:
        """Delete, audited."""
        audit.record(
            actor=Actor.of(request.user),
            action=f"{obj._meta.model_name}.delete",
            target=obj,
            before=_values(obj),
            after={},
        )
        super().delete_model(request, obj)


class OneRowAdmin(AuditedAdmin):
    """Settings that are one row: its list is its form."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Go to the only row."""
        return HttpResponseRedirect(
            reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[1])
        )


def _values(row: models.Model) -> dict[str, Any]:
    return {
        field.attname: field.value_from_object(row)
        for field in row._meta.concrete_fields
        if field.name not in ("created_at", "updated_at")
    }
