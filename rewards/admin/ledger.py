"""The ledger: every line, why it is there, and the proof that the books are right."""

import json
import re
from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.safestring import SafeString

from core.long_lists import EveryPeriod
from core.member_rows import MemberRowsAdmin
from core.member_search import whole_number
from core.shown import moment
from orders.contracts import SHOP
from orders.facade import order_ids, order_members
from rewards.admin.shown import member_link
from rewards.models import PointsTransaction, UserVoucher
from rewards.selectors.audit import audit_ledger, ledger_lines
from rewards.selectors.explanation import explain

MOST_FOUND = 1000
MOST_AUDITED = 1_000_000
"""Lines that are audited while a page waits: more take longer than the web server lets it."""
NATURAL_KEY = re.compile(r"(order|voucher|redeem|restore|adjust|review|referral|opening):.+")


@admin.register(PointsTransaction)
class PointsTransactionAdmin(MemberRowsAdmin):
    list_display = ("when", "member", "signed", "type", "description")
    list_select_related = ("user",)
    list_filter = ("transaction_type",)
    date_hierarchy = "effective_at"
    search_help_text = (
        "A member (the beginning of a username or external id; a whole e-mail, phone number or id), "
        "an order's number, a voucher's code, or a natural key (order:12:purchase)."
    )
    sortable_by = ("when",)
    change_form_template = "admin/rewards/pointstransaction/change_form.html"
    nothing_yet = "The ledger has no lines yet."

    @admin.display(description="when", ordering="effective_at")
    def when(self, line: PointsTransaction) -> str:
        return moment(line.effective_at)

    @admin.display(description="member")
    def member(self, line: PointsTransaction) -> SafeString:
        return member_link(line.user)

    @admin.display(description="points")
    def signed(self, line: PointsTransaction) -> str:
        return f"{line.points:+,}"

    @admin.display(description="type")
    def type(self, line: PointsTransaction) -> str:
        return str(line.get_transaction_type_display())

    def get_queryset(self, request: HttpRequest) -> QuerySet[PointsTransaction]:
        return EveryPeriod(PointsTransaction)

    def matches(self, term: str) -> Q:
        if NATURAL_KEY.fullmatch(term):
            return _of_natural_key(term)
        voucher = UserVoucher.objects.filter(code=term.upper()).first()
        if voucher is not None:
            return Q(user_id=voucher.user_id, voucher_id=voucher.pk)
        for order_id in order_ids(SHOP, [term]).values():
            return Q(user_id=order_members([order_id])[order_id], order_id=order_id)
        return super().matches(term)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("audit/", view(self.audit_view), name="rewards_pointstransaction_audit"),
            *super().get_urls(),
        ]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        context = extra_context or {}
        user_id = whole_number(request.GET.get("user__id__exact", ""))
        if user_id is not None:
            member = get_user_model()._default_manager.filter(pk=user_id).first()
            context = {"subtitle": f"of {member.get_username()}" if member else None, **context}
        return super().changelist_view(request, context)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        line: PointsTransaction | None = self.get_object(request, unquote(object_id))
        context: dict[str, Any] = {}
        if line is not None and self.has_view_permission(request, line):
            context = {
                "title": f"{line.points:+,} points: {line.get_transaction_type_display().lower()}",
                "subtitle": None,
                "why": explain(line, at=timezone.now()),
                "metadata": json.dumps(line.metadata, indent=2, ensure_ascii=False),
            }
        return super().change_view(request, object_id, form_url, context | (extra_context or {}))

    def audit_view(self, request: HttpRequest) -> HttpResponse:
        """Check the ledger's equations for every member, on demand: it reads all of it."""
        if not request.user.is_superuser:
            raise PermissionDenied
        too_long = ledger_lines() > MOST_AUDITED
        report = audit_ledger() if request.method == "POST" and not too_long else None
        return TemplateResponse(
            request,
            "admin/rewards/pointstransaction/audit.html",
            {
                **self.admin_site.each_context(request),
                "opts": self.opts,
                "title": "Ledger audit",
                "report": report,
                "too_long": too_long,
                "ran_at": timezone.now(),
            },
        )


def _of_natural_key(key: str) -> Q:
    """Name the member beside the key where the key tells: the index begins with the member."""
    kind, _, rest = key.partition(":")
    owner: int | None = None
    if kind == "order" and (order_id := whole_number(rest.partition(":")[0])) is not None:
        owner = order_members([order_id]).get(order_id)
    elif voucher_id := re.search(r"\bvoucher:(V[0-9a-f]{16})\b", key):
        owner = UserVoucher.objects.filter(pk=voucher_id[1]).values_list("user_id", flat=True).first()
    if owner is None:
        # Without the member it takes reading the whole ledger: once, and not for each of a page's queries.
        found = PointsTransaction.objects.order_by().filter(natural_key=key)
        return Q(pk__in=list(found.values_list("pk", flat=True)[:MOST_FOUND]))
    return Q(user_id=owner, natural_key__startswith=key)
