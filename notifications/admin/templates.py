"""The texts of messages: checked when they are saved, shown as a member will see them."""

from typing import Any

from django import forms
from django.contrib import admin
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from core.audited_admin import AuditedAdmin
from notifications.kinds import kind_called, kinds, text_fault
from notifications.models import NotificationTemplate
from notifications.selectors.texts import Text


class TemplateForm(forms.ModelForm):  # type: ignore[type-arg]
    kind = forms.ChoiceField(choices=lambda: [(kind.name, kind.label) for kind in kinds()])

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        kind = kind_called(cleaned.get("kind", ""))
        for name in ("title", "body"):
            if kind is not None and (fault := text_fault(cleaned.get(name, ""), kind.facts)):
                self.add_error(name, fault)
        return cleaned


@admin.register(NotificationTemplate)
class NotificationTemplateAdmin(AuditedAdmin):
    form = TemplateForm
    list_display = ("kind", "language", "title", "updated_at")
    list_filter = ("language", "kind")
    fields = ("kind", "language", "title", "body", "preview", "facts")
    readonly_fields = ("preview", "facts")

    @admin.display(description="as a member sees it")
    def preview(self, template: NotificationTemplate) -> SafeString | str:
        kind = kind_called(template.kind)
        if kind is None:
            return "Shown once it is saved."
        shown = Text(template.title, template.body).filled(kind.facts)
        return format_html("<strong>{}</strong><br>{}", shown.title, shown.body)

    @admin.display(description="facts and English texts")
    def facts(self, template: NotificationTemplate) -> SafeString:
        rows = [
            (
                kind.label,
                ", ".join(f"{{{name}}}" for name in kind.facts) or "no facts",
                kind.title,
                kind.body,
            )
            for kind in kinds()
            if template.kind in ("", kind.name)
        ]
        return format_html_join("", "<p><strong>{}</strong>: {}<br>“{}” – “{}”</p>", rows)
