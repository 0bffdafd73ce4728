"""Campaigns: written and looked over as drafts, then scheduled, followed, paused and stopped."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import flatten_fieldsets, unquote
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.db.models import Model
from django.forms import all_valid
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from core import audit
from core.audited_admin import AuditedAdmin
from core.contracts import Actor
from core.errors import DomainError
from core.shown import counted
from notifications.admin.campaign_forms import (
    LOOK,
    ScheduleForm,
    TextForm,
    TextFormSet,
    campaign_form,
    segment_fields,
    shown_reach,
    shown_segment,
    shown_texts,
)
from notifications.campaign_rules import FACTS, Step, Wording, steps_from
from notifications.models import Campaign, CampaignText
from notifications.selectors.campaigns import reach, results, wordings, wordings_of
from notifications.services.campaign_checks import campaign_faults
from notifications.services.campaign_messages import send_test
from notifications.services.campaigns import move_campaign, schedule_campaign

_PAGE = "admin:notifications_campaign_change"
_FACTS = ", ".join(f"{{{name}}}" for name in FACTS)
STEP_LABELS = {
    Step.SCHEDULE: "Schedule",
    Step.WITHDRAW: "Make it a draft again",
    Step.PAUSE: "Pause",
    Step.RESUME: "Resume",
    Step.STOP: "Stop",
}
_ASKED = (Step.SCHEDULE, Step.STOP)
"""Steps that have a page of their own before them."""


class OfDraft:
    """Mixed into an admin: only a draft and what belongs to it are changed and deleted."""

    def has_change_permission(self, request: HttpRequest, obj: Campaign | None = None) -> bool:
        return is_draft(obj) and super().has_change_permission(request, obj)  # type: ignore[misc]

    def has_delete_permission(self, request: HttpRequest, obj: Campaign | None = None) -> bool:
        return is_draft(obj) and super().has_delete_permission(request, obj)  # type: ignore[misc]


class TextInline(OfDraft, admin.StackedInline):  # type: ignore[type-arg]
    model = CampaignText
    form = TextForm
    formset = TextFormSet
    verbose_name = "text"
    verbose_name_plural = f"texts, one a language (facts: {_FACTS})"
    fields = ("language", "title", "body", "without_name", "preview")
    readonly_fields = ("preview",)

    def has_add_permission(self, request: HttpRequest, obj: Campaign | None = None) -> bool:
        return is_draft(obj) and super().has_add_permission(request, obj)

    def get_extra(self, request: HttpRequest, obj: Campaign | None = None, **kwargs: Any) -> int:
        return 0 if obj else 1

    @admin.display(description="as a member sees it")
    def preview(self, text: CampaignText) -> SafeString | str:
        rows = [(shown.title, shown.body) for _, shown in shown_texts(wordings_of([text]).values())]
        return (
            format_html_join("", "<p><strong>{}</strong><br>{}</p>", rows)
            if text.pk
            else "See: look it over."
        )


@admin.register(Campaign)
class CampaignAdmin(OfDraft, AuditedAdmin):
    inlines = (TextInline,)
    list_display = ("name", "status", "notification_type", "scheduled_at", "reached", "finished_at")
    list_filter = ("status", "notification_type")
    search_fields = ("name",)
    readonly_fields = ("whom",)

    @admin.display(description="written to")
    def reached(self, campaign: Campaign) -> str:
        if campaign.started_at is None:
            return "-"
        of = "" if campaign.reach is None else f" of {campaign.reach:,}"
        return f"{campaign.written:,}{of}"

    @admin.display(description="whom")
    def whom(self, campaign: Campaign) -> SafeString | str:
        rows = shown_segment(campaign.segment)
        return format_html_join("", "{}: {}<br>", rows) if rows else "everybody"

    # --- the form of a draft -------------------------------------------------------------------------------

    def get_fieldsets(self, request: HttpRequest, obj: Campaign | None = None) -> Any:
        if not self.has_change_permission(request, obj):
            return [(None, {"fields": ("name", "notification_type", "link", "whom")})]
        return [
            (None, {"fields": ("name", "notification_type", "link")}),
            ("Whom: all of these; empty fields let everybody in", {"fields": segment_fields()}),
        ]

    def get_form(
        self, request: HttpRequest, obj: Campaign | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        return super().get_form(request, obj, change, **{"form": campaign_form(), **kwargs})

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """Get a campaign; locked before it is saved or deleted, so that nobody schedules it then."""
        if request.method == "POST" and connection.in_atomic_block and object_id.isdecimal():
            Campaign.objects.select_for_update(no_key=True).filter(pk=object_id).first()
        return super().get_object(request, object_id, from_field)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        if request.method == "POST" and LOOK in request.POST:
            page = self._look_over(request, object_id)
            if page is not None:
                return page
        return super().changeform_view(request, object_id, form_url, extra_context)

    def _look_over(self, request: HttpRequest, object_id: str | None) -> HttpResponse | None:
        """Show what a form would save, and whom it would reach; None where the form is wrong."""
        stored = None if object_id is None else self.get_object(request, unquote(object_id))
        if object_id is not None and stored is None:
            return None
        if not (self.has_change_permission(request, stored) if stored else self.has_add_permission(request)):
            raise PermissionDenied
        fields = flatten_fieldsets(self.get_fieldsets(request, stored))
        form = self.get_form(request, stored, change=stored is not None, fields=fields)(
            request.POST, instance=stored
        )
        create_formsets: Any = self._create_formsets  # type: ignore[attr-defined]  # as Django's own view
        formsets, _ = create_formsets(request, form.instance, change=stored is not None)
        if form.errors or not all_valid(formsets):
            return None
        carried = [
            (name, value)
            for name, values in request.POST.lists()
            if name not in (LOOK, "csrfmiddlewaretoken")
            for value in values
        ]
        texts = wordings_of(text for formset in formsets for text in formset.texts())
        return self._preview(request, "look", form.instance, texts.values(), carried=carried)

    def save_model(self, request: HttpRequest, obj: Model, form: Any, change: bool) -> None:
        if isinstance(obj, Campaign) and not change:
            obj.created_by_id = request.user.pk
        super().save_model(request, obj, form, change)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """Save the texts, and write down what they were and are."""
        campaign = form.instance
        before = _texts(campaign)
        super().save_formset(request, form, formset, change)
        after = _texts(campaign)
        if before != after:
            audit.record(
                actor=Actor.of(request.user),
                action="campaign.texts",
                target=campaign,
                before={language: text for language, text in before.items() if after.get(language) != text},
                after={language: text for language, text in after.items() if before.get(language) != text},
            )

    # --- the page of a campaign that was scheduled ---------------------------------------------------------

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        campaign: Campaign | None = self.get_object(request, unquote(object_id))
        context: dict[str, Any] = {}
        if campaign is not None and self.has_view_permission(request, campaign):
            context = {
                "campaign": campaign,
                "may_run": may_run(request),
                "steps": [(step, STEP_LABELS[step], step in _ASKED) for step in steps_from(campaign.status)],
                "results": results(campaign.pk) if campaign.started_at else None,
                "is_moving": campaign.status in (Campaign.Status.SCHEDULED, Campaign.Status.RUNNING),
            }
        return super().change_view(request, object_id, form_url, context | (extra_context or {}))

    def get_urls(self) -> list[URLPattern]:
        view, name = self.admin_site.admin_view, "notifications_campaign"
        return [
            path("<int:campaign_id>/schedule/", view(self.schedule_view), name=f"{name}_schedule"),
            path("<int:campaign_id>/test/", view(self.test_view), name=f"{name}_test"),
            path("<int:campaign_id>/move/<str:step>/", view(self.move_view), name=f"{name}_move"),
            *super().get_urls(),
        ]

    def schedule_view(self, request: HttpRequest, campaign_id: int) -> HttpResponse:
        """Show once more what goes out and to how many, ask when, and schedule it."""
        campaign = self._campaign_to_run(request, campaign_id)
        form = ScheduleForm(request.POST or None)
        if request.method == "POST":
            form = ScheduleForm(request.POST)
            if form.is_valid():
                try:
                    schedule_campaign(
                        campaign_id=campaign_id,
                        scheduled_at=form.cleaned_data["begins_at"],
                        actor=Actor.of(request.user),
                    )
                except DomainError as refusal:
                    return self._back(request, campaign_id, refusal.detail, messages.ERROR)
                return self._back(request, campaign_id, "The campaign is scheduled.", messages.SUCCESS)
        if Step.SCHEDULE not in steps_from(campaign.status):
            return self._back(request, campaign_id, f"The campaign is {campaign.status}.", messages.ERROR)
        if faults := campaign_faults(campaign):
            return self._back(request, campaign_id, " ".join(faults), messages.ERROR)
        return self._preview(request, "schedule", campaign, wordings(campaign).values(), form=form)

    def move_view(self, request: HttpRequest, campaign_id: int, step: str) -> HttpResponse:
        """Withdraw, pause, resume or stop; stopping is asked about first."""
        campaign = self._campaign_to_run(request, campaign_id)
        if step not in STEP_LABELS or step == Step.SCHEDULE:
            raise Http404
        if request.method != "POST":
            if step != Step.STOP:
                raise Http404
            return self._page(request, "stop", campaign)
        try:
            moved = move_campaign(
                campaign_id=campaign_id, step=Step(step), actor=Actor.of(request.user), at=timezone.now()
            )
        except DomainError as refusal:
            return self._back(request, campaign_id, refusal.detail, messages.ERROR)
        return self._back(request, campaign_id, f"The campaign is {moved.status}.", messages.SUCCESS)

    def test_view(self, request: HttpRequest, campaign_id: int) -> HttpResponse:
        """Send the campaign's texts to whoever asks."""
        self._campaign_to_run(request, campaign_id)
        user: Any = request.user
        if request.method != "POST":
            raise Http404
        sent = send_test(
            campaign_id=campaign_id, user_id=user.pk, first_name=user.first_name, actor=Actor.of(user)
        )
        said = f"{counted(sent, 'text is', 'texts are')} on the way to your own inbox and devices."
        return self._back(request, campaign_id, said, messages.SUCCESS)

    def _campaign_to_run(self, request: HttpRequest, campaign_id: int) -> Campaign:
        if not may_run(request):
            raise PermissionDenied
        campaign = Campaign.objects.filter(pk=campaign_id).first()
        if campaign is None:
            raise Http404
        return campaign

    def _preview(
        self, request: HttpRequest, name: str, campaign: Campaign, texts: Iterable[Wording], **context: Any
    ) -> HttpResponse:
        """Show a page about a campaign, saved or not, with what it says and whom it reaches."""
        found = reach(campaign.segment, campaign.notification_type, at=timezone.now())
        return self._page(
            request,
            name,
            campaign,
            texts=shown_texts(texts),
            segment=shown_segment(campaign.segment),
            reach=shown_reach(found),
            **context,
        )

    def _page(self, request: HttpRequest, name: str, campaign: Campaign, **context: Any) -> HttpResponse:
        site = self.admin_site.each_context(request)
        shown = {"opts": self.opts, "title": campaign.name, "campaign": campaign}
        template = f"admin/notifications/campaign/{name}.html"
        return TemplateResponse(request, template, {**site, **shown, **context})

    def _back(self, request: HttpRequest, campaign_id: int, said: str, level: int) -> HttpResponse:
        self.message_user(request, said, level)
        return HttpResponseRedirect(reverse(_PAGE, args=[campaign_id]))


def may_run(request: HttpRequest) -> bool:
    """Whether who asks may test, schedule, pause and stop campaigns."""
    return request.user.has_perm("notifications.run_campaign")


def is_draft(campaign: Campaign | None) -> bool:
    """Whether a campaign may be changed; None asks for any."""
    return campaign is None or campaign.status == Campaign.Status.DRAFT


def _texts(campaign: Campaign) -> dict[str, list[str]]:
    found = CampaignText.objects.filter(campaign=campaign)
    return {text.language: [text.title, text.body, text.without_name] for text in found}
