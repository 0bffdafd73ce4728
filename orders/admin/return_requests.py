"""What members ask to send back: looked at, accepted or refused."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html

from core.contracts import Actor
from core.errors import DomainError
from orders.admin.inlines import ReadOnlyInline
from orders.checkout_models import ReturnPicture, ReturnRequest, ReturnRequestLine
from orders.services.return_requests import accept_return_request, refuse_return_request

DECISIONS = {"accept": "Accept the return", "refuse": "Refuse the return"}
DONE = {"accept": "The return is accepted.", "refuse": "The return is refused."}


class DecisionForm(forms.Form):
    """What staff tell the member."""

    note = forms.CharField(
        max_length=500,
        widget=forms.TextInput(attrs={"size": 80}),
        help_text="The member sees it.",
    )

    def __init__(self, *args: Any, decision: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["note"].required = decision == "refuse"


class LineInline(ReadOnlyInline):
    model = ReturnRequestLine
    verbose_name_plural = "lines"
    fields = ("product", "qty", "bought", "returned")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("item")

    @admin.display(description="product")
    def product(self, line: ReturnRequestLine) -> str:
        return f"{line.item.name} ({line.item.sku})"

    @admin.display(description="bought")
    def bought(self, line: ReturnRequestLine) -> int:
        return line.item.qty

    @admin.display(description="returned so far")
    def returned(self, line: ReturnRequestLine) -> int:
        return line.item.returned_qty


class PictureInline(ReadOnlyInline):
    model = ReturnPicture
    verbose_name_plural = "pictures"
    fields = ("picture",)
    readonly_fields = fields

    @admin.display(description="picture")
    def picture(self, picture: ReturnPicture) -> str:
        return format_html('<img src="{}" alt="" style="max-height: 20em">', picture.file.url)


@admin.register(ReturnRequest)
class ReturnRequestAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("id", "order", "member", "status", "reason", "requested_at", "decided_by")
    list_select_related = ("order__user",)
    list_filter = ("status",)
    search_fields = ("=order__number", "=order__user__username")
    search_help_text = "A whole order number or username."
    show_full_result_count = False
    actions = None
    change_form_template = "admin/orders/returnrequest/change_form.html"
    inlines = (LineInline, PictureInline)
    fields = (
        "order",
        "member",
        "status",
        "reason",
        "requested_at",
        "note",
        "decided_at",
        "decided_by",
        "order_return",
    )

    @admin.display(description="member")
    def member(self, asked: ReturnRequest) -> str:
        return str(asked.order.user)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: ReturnRequest | None = None) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: ReturnRequest | None = None) -> tuple[str, ...]:
        return self.fields

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        asked = self.get_object(request, unquote(object_id))
        context: dict[str, Any] = {
            "show_save": False,
            "show_save_and_continue": False,
            "show_save_and_add_another": False,
        }
        if asked is not None and asked.status == ReturnRequest.Status.REQUESTED:
            context["decisions"] = DECISIONS.items() if self.has_change_permission(request, asked) else ()
        return super().change_view(request, object_id, form_url, context | (extra_context or {}))

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.decide_view)
        return [
            path("<int:request_id>/decide/<str:decision>/", view, name="orders_returnrequest_decide"),
            *super().get_urls(),
        ]

    def decide_view(self, request: HttpRequest, request_id: int, decision: str) -> HttpResponse:
        """Ask for a note, then accept or refuse."""
        asked: ReturnRequest | None = self.get_object(request, str(request_id))
        if asked is None or decision not in DECISIONS:
            raise Http404
        if not self.has_change_permission(request, asked):
            raise PermissionDenied
        form = DecisionForm(request.POST or None, decision=decision)
        if request.method == "POST" and form.is_valid():
            decide = accept_return_request if decision == "accept" else refuse_return_request
            try:
                decide(
                    request_id=request_id,
                    actor=Actor.of(request.user),
                    at=timezone.now(),
                    note=form.cleaned_data["note"],
                )
            except DomainError as refusal:
                self.message_user(request, refusal.detail, messages.ERROR)
            else:
                self.message_user(request, DONE[decision], messages.SUCCESS)
            return HttpResponseRedirect(reverse("admin:orders_returnrequest_change", args=[request_id]))
        return TemplateResponse(
            request,
            "admin/orders/returnrequest/decide.html",
            {
                **self.admin_site.each_context(request),
                "opts": self.opts,
                "original": asked,
                "lines": asked.lines.select_related("item"),
                "title": DECISIONS[decision],
                "form": form,
            },
        )
