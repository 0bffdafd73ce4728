"""Members' points: the list, a member's page, and adjusting points by hand."""

from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone

from core.contracts import Actor
from core.errors import DomainError
from core.member_rows import MemberRowsAdmin
from rewards.admin.adjusting import AdjustForm, FindForm
from rewards.admin.setting import BACK, CONFIRMED
from rewards.admin.shown import worth
from rewards.models import TierChange, UserPoints
from rewards.selectors.balance import balance, loyalty_status
from rewards.selectors.history import history
from rewards.selectors.lots import closed_lots, open_lots
from rewards.selectors.vouchers import vouchers
from rewards.services.adjustment import adjust_points, preview_adjustment

LATEST_LINES = 50
LATEST = 20


class DebtFilter(admin.SimpleListFilter):
    title = "debt"
    parameter_name = "debt"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Owes points"), ("no", "Owes nothing")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[UserPoints]) -> QuerySet[UserPoints]:
        match self.value():
            case "yes":
                return queryset.filter(debt_points__gt=0)
            case "no":
                return queryset.filter(debt_points=0)
        return queryset


@admin.register(UserPoints)
class UserPointsAdmin(MemberRowsAdmin):
    """Balances are looked at; they change by ledger lines alone, for which there is "Adjust points"."""

    list_display = ("member", "tier", "current", "pending", "debt", "lifetime", "email")
    list_select_related = ("user", "tier")
    list_filter = ("tier", DebtFilter)
    ordering = ("-id",)
    change_form_template = "admin/rewards/userpoints/change_form.html"
    nothing_yet = "No member has points yet. They come with the first delivered order, or by hand."

    @admin.display(description="member", ordering="user__username")
    def member(self, account: UserPoints) -> str:
        return account.user.get_username()

    @admin.display(description="e-mail")
    def email(self, account: UserPoints) -> str:
        return account.user.email or "-"

    @admin.display(description="to spend", ordering="current_points")
    def current(self, account: UserPoints) -> str:
        return f"{account.current_points:,}"

    @admin.display(description="held", ordering="pending_points")
    def pending(self, account: UserPoints) -> str:
        return f"{account.pending_points:,}"

    @admin.display(description="lifetime", ordering="lifetime_points")
    def lifetime(self, account: UserPoints) -> str:
        return f"{account.lifetime_points:,}"

    @admin.display(description="owed", ordering="debt_points")
    def debt(self, account: UserPoints) -> str:
        return f"{account.debt_points:,}"

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("of/<int:user_id>/", view(self.of_view), name="rewards_userpoints_of"),
            path("adjust/", view(self.find_view), name="rewards_userpoints_find"),
            path("adjust/<int:user_id>/", view(self.adjust_view), name="rewards_userpoints_adjust"),
            *super().get_urls(),
        ]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        context = {"may_adjust": may_adjust(request), **(extra_context or {})}
        return super().changelist_view(request, context)

    # --- a member's page -----------------------------------------------------------------------------------

    def of_view(self, request: HttpRequest, user_id: int) -> HttpResponse:
        """Go to the page of a member, whose address has the account's id."""
        account = UserPoints.objects.filter(user_id=user_id).first()
        if account is not None:
            return HttpResponseRedirect(reverse("admin:rewards_userpoints_change", args=[account.pk]))
        self.message_user(request, "This member has no points yet.", messages.WARNING)
        return HttpResponseRedirect(reverse("admin:rewards_userpoints_changelist"))

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        account: UserPoints | None = self.get_object(request, unquote(object_id))
        context: dict[str, Any] = {}
        if account is not None and self.has_view_permission(request, account):
            context = {
                "title": f"Points of {account.user.get_username()}",
                "subtitle": None,
                "may_adjust": may_adjust(request),
                **_member_page(account, timezone.now()),
            }
        return super().change_view(request, object_id, form_url, context | (extra_context or {}))

    # --- adjusting -----------------------------------------------------------------------------------------

    def find_view(self, request: HttpRequest) -> HttpResponse:
        """Ask who the points are for."""
        _require_adjusting(request)
        form = FindForm(request.POST if request.method == "POST" else None)
        if request.method == "POST" and form.is_valid():
            return HttpResponseRedirect(
                reverse("admin:rewards_userpoints_adjust", args=[form.cleaned_data["member"]])
            )
        return self._page(request, "find", title="Whose points?", form=form)

    def adjust_view(self, request: HttpRequest, user_id: int) -> HttpResponse:
        """Ask how many points and why, show what it does, then do it."""
        _require_adjusting(request)
        member = get_user_model()._default_manager.filter(pk=user_id).first()
        if member is None:
            raise Http404
        form = AdjustForm(request.POST if request.method == "POST" else None)
        preview = None
        if request.method == "POST" and form.is_valid() and BACK not in request.POST:
            if CONFIRMED in request.POST:
                return self._adjust(request, user_id, form)
            preview = preview_adjustment(
                user_id=user_id, points=form.cleaned_data["points"], at=timezone.now()
            )
        title = f"Adjust points of {member.get_username()}"
        return self._page(request, "adjust", title=title, member=member, form=form, preview=preview)

    def _adjust(self, request: HttpRequest, user_id: int, form: AdjustForm) -> HttpResponse:
        try:
            done = adjust_points(
                user_id=user_id,
                points=form.cleaned_data["points"],
                reason=form.cleaned_data["reason"],
                key=str(form.cleaned_data["key"]),
                actor=Actor.of(request.user),
                at=timezone.now(),
            )
        except DomainError as refusal:
            self.message_user(request, f"{refusal.title}: {refusal.detail}", messages.ERROR)
        else:
            now = f"{done.after['current_points']:,} points to spend, {done.after['debt_points']:,} owed"
            if done.before == done.after:
                self.message_user(request, f"This was adjusted before, once: {now}.", messages.WARNING)
            else:
                points = form.cleaned_data["points"]
                self.message_user(request, f"Adjusted by {points:+,}: {now}.", messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:rewards_userpoints_of", args=[user_id]))

    def _page(self, request: HttpRequest, name: str, **context: Any) -> HttpResponse:
        return TemplateResponse(
            request,
            f"admin/rewards/userpoints/{name}.html",
            {**self.admin_site.each_context(request), "opts": self.opts, **context},
        )


def may_adjust(request: HttpRequest) -> bool:
    """Whether who asks may adjust points."""
    return request.user.has_perm("rewards.adjust_points")


def _require_adjusting(request: HttpRequest) -> None:
    if not may_adjust(request):
        raise PermissionDenied


def _member_page(account: UserPoints, at: datetime) -> dict[str, Any]:
    """Gather what a member's page shows, all of it by the clock and in a fixed number of queries."""
    user_id = account.user_id
    lines = history(user_id)
    return {
        "member": account.user,
        "balance": balance(user_id, at=at),
        "status": loyalty_status(user_id, at=at),
        "open_lots": open_lots(user_id, at=at, most=LATEST_LINES),
        "closed_lots": closed_lots(user_id, at=at, most=LATEST),
        "lines": lines[:LATEST_LINES],
        "line_count": lines.count(),
        "tier_changes": TierChange.objects.filter(user_id=user_id).select_related("from_tier", "to_tier")[
            :LATEST
        ],
        "vouchers": [
            (voucher, worth(voucher), voucher.status_at(at))
            for voucher in vouchers(user_id, at=at).select_related("option")[:LATEST]
        ],
    }
