"""Members' vouchers, and taking one back for its points."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString

from core.contracts import Actor
from core.errors import DomainError
from core.member_rows import MemberRowsAdmin
from core.shown import last_day, moment
from rewards.admin.shown import member_link, order_link, worth
from rewards.models import PointsTransaction, UserVoucher
from rewards.selectors.programme import programme_rules
from rewards.selectors.vouchers import in_status
from rewards.services.vouchers import take_back_voucher

Status = UserVoucher.Status


class StatusFilter(admin.SimpleListFilter):
    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(value), str(label)) for value, label in Status.choices]

    def queryset(self, request: HttpRequest, queryset: QuerySet[UserVoucher]) -> QuerySet[UserVoucher]:
        status = self.value()
        return queryset if status is None else in_status(queryset, status, at=timezone.now())


class TakeBackForm(forms.Form):
    reason = forms.CharField(
        max_length=500,
        label="Why",
        widget=forms.TextInput(attrs={"size": 80}),
        help_text="Kept in the audit trail and beside the ledger line.",
    )


@admin.register(UserVoucher)
class UserVoucherAdmin(MemberRowsAdmin):
    list_display = ("code", "member", "worth", "status_now", "until", "redeemed")
    list_select_related = ("user",)
    list_filter = (StatusFilter, "type")
    sortable_by = ("redeemed",)
    search_help_text = (
        "The beginning of a code, a username or an external id; a whole e-mail, phone number or member id."
    )
    change_form_template = "admin/rewards/uservoucher/change_form.html"
    fields = (
        "code",
        "member",
        "option",
        "type",
        "worth",
        "category",
        "status_now",
        "redeemed",
        "until",
        "of_order",
        "used",
        "id",
    )
    nothing_yet = "No member has redeemed points for a voucher yet."

    @admin.display(description="member")
    def member(self, voucher: UserVoucher) -> SafeString:
        return member_link(voucher.user)

    @admin.display(description="worth", ordering="value")
    def worth(self, voucher: UserVoucher) -> str:
        return worth(voucher)

    @admin.display(description="status", ordering="status")
    def status_now(self, voucher: UserVoucher) -> str:
        return str(Status(voucher.status_at(timezone.now())).label)

    @admin.display(description="redeemed", ordering="created_at")
    def redeemed(self, voucher: UserVoucher) -> str:
        return moment(voucher.created_at)

    @admin.display(description="last day", ordering="expires_at")
    def until(self, voucher: UserVoucher) -> str:
        return last_day(voucher.expires_at)

    @admin.display(description="used")
    def used(self, voucher: UserVoucher) -> str:
        return moment(voucher.used_at)

    @admin.display(description="order")
    def of_order(self, voucher: UserVoucher) -> SafeString | str:
        return order_link(voucher.order)

    def matches(self, term: str) -> Q:
        return Q(code__startswith=term.upper()) | super().matches(term)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path(
                "<str:voucher_id>/take_back/", view(self.take_back_view), name="rewards_uservoucher_take_back"
            ),
            *super().get_urls(),
        ]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        voucher: UserVoucher | None = self.get_object(request, unquote(object_id))
        context: dict[str, Any] = {}
        if voucher is not None and self.has_view_permission(request, voucher):
            lines = list(_lines(voucher))
            context = {
                "title": f"Voucher {voucher.code}",
                "subtitle": None,
                "lines": lines,
                "may_take_back": _may_take_back(request) and _is_returnable(voucher, lines),
            }
        return super().change_view(request, object_id, form_url, context | (extra_context or {}))

    def take_back_view(self, request: HttpRequest, voucher_id: str) -> HttpResponse:
        """Say what comes back and ask why; then take the voucher back."""
        if not _may_take_back(request):
            raise PermissionDenied
        voucher: UserVoucher | None = self.get_object(request, voucher_id)
        if voucher is None:
            raise Http404
        form = TakeBackForm(request.POST if request.method == "POST" else None)
        if request.method == "POST" and form.is_valid():
            return self._take_back(request, voucher, form.cleaned_data["reason"])
        spend = next(
            (line for line in _lines(voucher) if line.transaction_type == PointsTransaction.Type.REDEEMED),
            None,
        )
        return TemplateResponse(
            request,
            "admin/rewards/uservoucher/take_back.html",
            {
                **self.admin_site.each_context(request),
                "opts": self.opts,
                "title": f"Take back voucher {voucher.code}",
                "original": voucher,
                "form": form,
                "points": -spend.points if spend else 0,
                "worth": worth(voucher),
                "restored_points_days": programme_rules().restored_points_days,
            },
        )

    def _take_back(self, request: HttpRequest, voucher: UserVoucher, reason: str) -> HttpResponse:
        try:
            take_back_voucher(
                voucher_id=voucher.pk, reason=reason, actor=Actor.of(request.user), at=timezone.now()
            )
        except DomainError as refusal:
            self.message_user(request, f"{refusal.title}: {refusal.detail}", messages.ERROR)
        else:
            self.message_user(
                request,
                f"Voucher {voucher.code} is taken back, and its points are {voucher.user}'s again.",
                messages.SUCCESS,
            )
        return HttpResponseRedirect(reverse("admin:rewards_uservoucher_change", args=[voucher.pk]))


def _may_take_back(request: HttpRequest) -> bool:
    return request.user.has_perm("rewards.take_back_voucher")


def _lines(voucher: UserVoucher) -> QuerySet[PointsTransaction]:
    # The member first: lines have no index by voucher alone.
    return PointsTransaction.objects.filter(user_id=voucher.user_id, voucher=voucher)


def _is_returnable(voucher: UserVoucher, lines: list[PointsTransaction]) -> bool:
    """Whether the button is worth showing; the service decides."""
    types = {line.transaction_type for line in lines}
    return voucher.status in (Status.AVAILABLE, Status.EXPIRED) and types == {PointsTransaction.Type.REDEEMED}
