"""API keys in the admin: made, shown once, revoked."""

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.widgets import AdminSplitDateTime
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils import timezone

from accounts.models import ApiKey
from accounts.scopes import known_scopes
from accounts.services.keys import NewKey, make_key, revoke_key
from core.contracts import Actor


class NewKeyForm(forms.ModelForm):  # type: ignore[type-arg]
    scopes = forms.MultipleChoiceField(widget=forms.CheckboxSelectMultiple)
    expires_at = forms.SplitDateTimeField(
        required=False, widget=AdminSplitDateTime, help_text="Empty: until it is revoked."
    )

    class Meta:
        model = ApiKey
        fields = ("name", "shop", "scopes", "expires_at")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "scopes" in self.fields:
            choices = [(name, f"{name}: {what}") for name, what in known_scopes().items()]
            self.fields["scopes"].choices = choices  # type: ignore[attr-defined]

    def clean_expires_at(self) -> datetime | None:
        expires_at: datetime | None = self.cleaned_data["expires_at"]
        if expires_at is not None and expires_at <= timezone.now():
            raise forms.ValidationError("Choose a time to come.")
        return expires_at


@admin.register(ApiKey)
class ApiKeyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """A key is made and revoked, never changed or deleted: who has it knows what it may do."""

    form = NewKeyForm
    list_display = ("name", "shop", "prefix", "state", "scopes", "expires_at", "last_used_at", "created_by")
    list_select_related = ("created_by",)
    list_filter = ("shop",)
    search_fields = ("name", "prefix__startswith", "shop")
    search_help_text = "A name, a shop, or a key's beginning."
    fields = ("name", "shop", "scopes", "expires_at")
    shown = ("prefix", "state", "created_at", "created_by", "last_used_at", "revoked_at")
    actions = ("revoke",)

    @admin.display(description="state")
    def state(self, key: ApiKey) -> str:
        if key.revoked_at is not None:
            return "revoked"
        return "expired" if key.expires_at is not None and key.expires_at <= timezone.now() else "good"

    def get_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> Any:
        return self.fields if obj is None else (*self.fields, *self.shown)

    def get_readonly_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> Any:
        return () if obj is None else (*self.fields, *self.shown)

    def has_delete_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        """Make the key that the form describes; a page of one that is there has nothing to save."""
        if change:
            return
        made = make_key(
            name=obj.name,
            shop=obj.shop,
            scopes=form.cleaned_data["scopes"],
            expires_at=obj.expires_at,
            actor=Actor.of(request.user),
            at=timezone.now(),
        )
        obj.pk = made.row.pk
        request._new_key = made  # type: ignore[attr-defined]  # for the one answer that shows it

    def response_add(
        self, request: HttpRequest, obj: ApiKey, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Show the key, once: in the very answer, since a redirect's message would be kept in a cookie."""
        made: NewKey = request._new_key  # type: ignore[attr-defined]
        return TemplateResponse(
            request,
            "admin/accounts/apikey/made.html",
            {
                **self.admin_site.each_context(request),
                "opts": self.opts,
                "title": f"The key {made.row.name}",
                "made": made,
            },
            headers={"Cache-Control": "no-store"},
        )

    def response_change(self, request: HttpRequest, obj: ApiKey) -> HttpResponse:
        return HttpResponseRedirect("../..")

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        hidden = {"show_save": False, "show_save_and_continue": False, "show_save_and_add_another": False}
        return super().change_view(request, object_id, form_url, {**hidden, **(extra_context or {})})

    @admin.action(description="Revoke the selected keys, for ever", permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        ids = list(queryset.order_by("pk").values_list("pk", flat=True))
        ended = sum(revoke_key(pk, actor=Actor.of(request.user), at=timezone.now()) for pk in ids)
        self.message_user(request, f"{ended} of {len(ids)} keys were good and are revoked.", messages.SUCCESS)
