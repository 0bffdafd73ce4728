"""Settings of the programme: what a change would do is shown first, and saved with a reason."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import display_for_field, unquote
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError
from django.db.models import ProtectedError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.text import capfirst

from core.contracts import Actor
from core.shown import counted
from rewards.models import UserPoints
from rewards.selectors.programme import programme_rules
from rewards.services.settings import Setting, delete_setting, save_setting
from rewards.services.tiers import TierShift

CONFIRMED, BACK, SEEN = "_confirmed", "_back", "_seen"


@dataclass(frozen=True, slots=True)
class Preview:
    """What saving would do: in sentences, and as moves between tiers (None where no tier is touched)."""

    sentences: tuple[str, ...]
    shifts: list[TierShift] | None = None

    @property
    def moving(self) -> int:
        return sum(shift.members for shift in self.shifts or ())


class SettingForm(forms.ModelForm):  # type: ignore[type-arg]
    def is_valid(self) -> bool:
        # Who goes back from the preview to the form finds what they had typed, and nothing is saved.
        return super().is_valid() and BACK not in self.data


class ConfirmForm(forms.Form):
    """Why a setting is changed."""

    prefix = "confirm"
    reason = forms.CharField(
        max_length=500,
        label="Why",
        widget=forms.Textarea(attrs={"rows": 2, "class": "vLargeTextField"}),
        help_text="Kept in the audit trail beside the change.",
    )


class SettingAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Shows a preview between the form and the saving; subclasses say what a change does.

    Fields in `plain_fields` change nothing that needs a preview or a reason.
    """

    actions = None
    form: type[Any] = SettingForm
    plain_fields: frozenset[str] = frozenset()
    show_full_result_count = False

    def preview(self, stored: Any, proposed: Any, changed: set[str], at: datetime) -> Preview:
        """Say what saving `proposed` does; `stored` is None for a new row, `changed` names the fields."""
        raise NotImplementedError

    def preview_deletion(self, stored: Any, at: datetime) -> Preview:
        """Say what deleting does."""
        raise NotImplementedError

    def kept_because(self, stored: Any) -> str | None:
        """Say why a row can't be deleted and what to do instead, or None when it can."""
        raise NotImplementedError

    # --- saving --------------------------------------------------------------------------------------------

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Put the preview before the saving, until it is confirmed with a reason."""
        if request.method == "POST" and BACK not in request.POST:
            page = self._page_to_confirm(request, object_id)
            if page is not None:
                return page
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except IntegrityError:
            self.message_user(
                request,
                "Nothing was saved: somebody else has just saved something that this does not go with.",
                messages.ERROR,
            )
            return HttpResponseRedirect(request.path)

    def _page_to_confirm(self, request: HttpRequest, object_id: str | None) -> HttpResponse | None:
        """Return the preview, or None where there is nothing (more) to ask: Django's own view goes on."""
        stored = draft = None
        if object_id is not None:
            stored, draft = (self.get_object(request, unquote(object_id)) for _ in range(2))
            if stored is None or not self.has_change_permission(request, stored):
                return None
        elif not self.has_add_permission(request):
            return None
        form = self.get_form(request, draft, change=stored is not None)(request.POST, instance=draft)
        if not form.is_valid():
            return None
        changed = set(form.changed_data)
        if stored is not None and changed <= self.plain_fields:
            return None
        confirmed = CONFIRMED in request.POST
        confirmation = ConfirmForm(request.POST if confirmed else None)
        seen = self._seen()
        stale = confirmed and request.POST.get(SEEN) != seen
        if confirmed and confirmation.is_valid() and not stale:
            return None
        return self._confirm_page(
            request,
            title=f"Look over: {form.instance}" if stored else f"Look over: new {self.opts.verbose_name}",
            form=confirmation,
            stale=stale,
            seen=seen,
            preview=self.preview(stored, form.instance, changed, timezone.now()),
            changes=list(self._changes(stored, form)),
            carried=[
                (name, value)
                for name, values in request.POST.lists()
                if name not in (CONFIRMED, SEEN, "csrfmiddlewaretoken") and not name.startswith("confirm-")
                for value in values
            ],
            original=stored,
            confirm_label="Save",
        )

    def _seen(self) -> str:
        """Return a digest of what a preview is judged by: whoever confirms confirms what they saw."""
        rows = list(self.model._default_manager.order_by("pk").values_list())
        return hashlib.sha256(repr((programme_rules(), rows)).encode()).hexdigest()

    def _changes(self, stored: Any, form: Any) -> Iterator[tuple[str, str | None, str]]:
        """Yield (field, before, after) of what the form changes; of a new row everything, with no before."""
        for name in form.fields if stored is None else form.changed_data:
            field: Any = self.opts.get_field(name)
            before, after = (
                None if row is None else display_for_field(getattr(row, name), field, "none")
                for row in (stored, form.instance)
            )
            yield capfirst(str(field.verbose_name)), before, str(after)

    def save_model(self, request: HttpRequest, obj: Setting, form: Any, change: bool) -> None:
        """Save by the service, audited; say who is judged anew."""
        confirmation = ConfirmForm(request.POST)
        reason = confirmation.cleaned_data["reason"] if confirmation.is_valid() else ""
        if save_setting(obj, actor=Actor.of(request.user), reason=reason):
            self.message_user(
                request,
                f"{counted(UserPoints.objects.count(), 'member')} will be judged by the new tiers, in the"
                " background. Nobody is sent a message.",
            )

    # --- deleting ------------------------------------------------------------------------------------------

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Say what deleting does or why it can't be; delete with a reason."""
        stored = self.get_object(request, unquote(object_id))
        if not self.has_delete_permission(request, stored):
            raise PermissionDenied
        if stored is None:
            return super().delete_view(request, object_id, extra_context)
        name, info = str(stored), (self.opts.app_label, self.opts.model_name)
        # Asked first: Django would load every row that refers to this one to say so.
        refusal = self.kept_because(stored)
        form = ConfirmForm(request.POST or None)
        if refusal is None and request.method == "POST" and form.is_valid():
            try:
                delete_setting(stored, actor=Actor.of(request.user), reason=form.cleaned_data["reason"])
            except (ProtectedError, IntegrityError):
                refusal = f"{name} is in use since a moment ago, so it stays."
            else:
                self.message_user(request, f"{capfirst(self.opts.verbose_name)} {name} is deleted.")
                return HttpResponseRedirect(reverse("admin:{}_{}_changelist".format(*info)))
        if refusal is not None:
            self.message_user(request, refusal, messages.ERROR)
            return HttpResponseRedirect(reverse("admin:{}_{}_change".format(*info), args=[object_id]))
        return self._confirm_page(
            request,
            title=f"Delete {name}?",
            form=form,
            preview=self.preview_deletion(stored, timezone.now()),
            original=stored,
            confirm_label="Delete",
            deleting=True,
        )

    def _confirm_page(self, request: HttpRequest, **context: Any) -> HttpResponse:
        return TemplateResponse(
            request,
            "admin/rewards/confirm.html",
            {**self.admin_site.each_context(request), "opts": self.opts, **context},
        )
