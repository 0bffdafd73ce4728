"""The moderation of reviews."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from catalog.admin.forms import ReasonedActionForm, ReasonForm
from catalog.models import Review, ReviewReport
from catalog.services.moderation import approve_review, dismiss_reports, reject_review, reopen_review
from core.contracts import Actor

_SERVICES: dict[str, Callable[..., Any]] = {
    "approved": approve_review,
    "rejected": reject_review,
    "pending": reopen_review,
}
_LABELS = {"approved": "Approve", "rejected": "Reject", "pending": "Make wait again"}


class ReportedFilter(admin.SimpleListFilter):
    title = "reports"
    parameter_name = "reported"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("open", "reported by members")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Review]) -> QuerySet[Review]:
        if self.value() != "open":
            return queryset
        return queryset.filter(Exists(ReviewReport.objects.filter(review=OuterRef("pk"), settled_at=None)))


@admin.register(Review)
class ReviewAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Reviews are written by members and only let in or kept out here."""

    list_display = (
        "product", "user", "rating", "beginning", "pictures", "status", "open_reports", "created_at",
        "moderated_by",
    )  # fmt: skip
    list_select_related = ("product", "user")
    list_filter = ("status", ReportedFilter, "rating", "verified_purchase", "created_at")
    search_fields = ("=product__sku", "product__name", "=user__username", "=user__email", "text")
    search_help_text = "SKU, product, text; a member's whole username or e-mail."
    date_hierarchy = "created_at"
    show_full_result_count = False
    change_form_template = "admin/catalog/review/change_form.html"
    action_form = ReasonedActionForm
    actions = ("approve", "reject", "reopen", "dismiss")
    fieldsets = (
        (None, {"fields": (("product", "user"), ("rating", "verified_purchase"), "text", "shown_pictures")}),
        ("Other members", {"fields": ("helpful_count", "complaints")}),
        ("Moderation", {"fields": ("status", ("moderated_at", "moderated_by"), "moderation_reason")}),
        ("Times", {"fields": (("created_at", "edited_at", "earned_at"),)}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Review]:
        reviews: QuerySet[Review] = super().get_queryset(request)
        reported = Count("reports", filter=Q(reports__settled_at=None), distinct=True)
        return reviews.annotate(reported=reported).prefetch_related("images")

    @admin.display(description="text")
    def beginning(self, review: Review) -> str:
        return review.text if len(review.text) <= 80 else f"{review.text[:79]}…"

    @admin.display(description="pictures")
    def pictures(self, review: Review) -> SafeString | str:
        return self._images(review, "3em")

    @admin.display(description="pictures")
    def shown_pictures(self, review: Review) -> SafeString | str:
        return self._images(review, "14em")

    def _images(self, review: Review, height: str) -> SafeString | str:
        if not review.images.all():
            return "-"
        return format_html_join(
            " ",
            '<a href="{0}" target="_blank" rel="noopener"><img src="{0}" alt="" style="max-height: {1}"></a>',
            ((image.file.url, height) for image in review.images.all()),
        )

    @admin.display(description="open reports", ordering="reported")
    def open_reports(self, review: Any) -> str:
        return str(review.reported) if review.reported else "-"

    @admin.display(description="reports")
    def complaints(self, review: Review) -> SafeString | str:
        rows = review.reports.select_related("user").order_by("-id")[:50]
        if not rows:
            return "-"
        lines = (
            (row.get_reason_display(), row.user, row.note, "" if row.settled_at is None else " (settled)")
            for row in rows
        )
        return format_html("<ul>{}</ul>", format_html_join("", "<li>{} by {}: {}{}</li>", lines))

    # --- many at once --------------------------------------------------------------------------------------

    @admin.action(description="Approve the selected reviews", permissions=["change"])
    def approve(self, request: HttpRequest, queryset: QuerySet[Review]) -> None:
        self._moderate(request, queryset, "approved", "approved")

    @admin.action(description="Reject the selected reviews (say why)", permissions=["change"])
    def reject(self, request: HttpRequest, queryset: QuerySet[Review]) -> None:
        if not self._reason(request):
            self.message_user(request, "A rejection needs a reason: the member sees it.", messages.ERROR)
            return
        self._moderate(request, queryset, "rejected", "rejected")

    @admin.action(description="Make the selected reviews wait again", permissions=["change"])
    def reopen(self, request: HttpRequest, queryset: QuerySet[Review]) -> None:
        self._moderate(request, queryset, "pending", "waiting again")

    @admin.action(description="Dismiss reports of the selected reviews", permissions=["change"])
    def dismiss(self, request: HttpRequest, queryset: QuerySet[Review]) -> None:
        now, settled = timezone.now(), 0
        for review_id in queryset.order_by("pk").values_list("pk", flat=True):
            settled += dismiss_reports(
                review_id=review_id,
                actor=Actor.of(request.user),
                at=now,
                reason=self._reason(request),
            )
        self.message_user(request, f"{settled} reports dismissed.", messages.SUCCESS)

    def _moderate(self, request: HttpRequest, queryset: QuerySet[Review], to: str, done: str) -> None:
        ids = list(queryset.exclude(status=to).order_by("pk").values_list("pk", flat=True))
        for review_id in ids:
            _SERVICES[to](
                review_id=review_id,
                actor=Actor.of(request.user),
                at=timezone.now(),
                reason=self._reason(request),
            )
        self.message_user(request, f"{len(ids)} reviews {done}.", messages.SUCCESS)

    def _reason(self, request: HttpRequest) -> str:
        return request.POST.get("reason", "").replace("\0", "").strip()[:500]

    # --- one -----------------------------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.moderate_view)
        name = "catalog_review_moderate"
        return [path("<int:review_id>/moderate/<str:to>/", view, name=name), *super().get_urls()]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        review = self.get_object(request, unquote(object_id))
        context: dict[str, Any] = {"show_save": False, "show_save_and_continue": False}
        if review is not None and self.has_change_permission(request, review):
            context["moves"] = [(to, label) for to, label in _LABELS.items() if to != review.status]
        return super().change_view(request, object_id, form_url, context | (extra_context or {}))

    def moderate_view(self, request: HttpRequest, review_id: int, to: str) -> HttpResponse:
        """Ask why, then let the review in, keep it out, or make it wait."""
        review: Review | None = self.get_object(request, str(review_id))
        if review is None or to not in _SERVICES:
            raise Http404
        if not self.has_change_permission(request, review):
            raise PermissionDenied
        form = ReasonForm(request.POST if request.method == "POST" else None, required=to == "rejected")
        if form.is_valid():
            _SERVICES[to](
                review_id=review_id, actor=Actor.of(request.user), at=timezone.now(), **form.cleaned_data
            )
            self.message_user(request, f"The review is now {to}.", messages.SUCCESS)
            return HttpResponseRedirect(reverse("admin:catalog_review_change", args=[review_id]))
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _LABELS[to],
            "review": review,
            "form": form,
        }
        return TemplateResponse(request, "admin/catalog/review/moderate.html", context)

    # --- read-only -----------------------------------------------------------------------------------------

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Review | None = None) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Review | None = None) -> tuple[str, ...]:
        return (*(field.name for field in Review._meta.fields), "shown_pictures", "complaints")
