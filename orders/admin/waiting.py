"""Returns that wait for their order, and those that turned out impossible."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from core.admin import ReadOnly
from core.contracts import Actor
from orders.services.shop_waiting import retry_waiting_returns
from orders.shop_models import WaitingReturn


@admin.register(WaitingReturn)
class WaitingReturnAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("return_id", "shop", "number", "state", "error", "at", "created_at")
    list_filter = (("error", admin.EmptyFieldListFilter), "shop")
    search_fields = ("number__exact", "return_id__exact")
    search_help_text = "An order's number or a return's id."
    show_full_result_count = False
    ordering = ("-created_at", "-id")
    actions = ("retry",)
    fields = (
        "return_id", "shop", "number", "lines", "reason", "actor", "at", "state", "error",
        "created_at", "updated_at",
    )  # fmt: skip

    @admin.display(description="state")
    def state(self, row: WaitingReturn) -> str:
        return "impossible" if row.error else "waits for its order"

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("orders.retry_waitingreturn")

    @admin.action(description="Try the impossible ones among the selected again", permissions=["retry"])
    def retry(self, request: HttpRequest, queryset: QuerySet[WaitingReturn]) -> None:
        asked = list(queryset.order_by().values_list("pk", flat=True))
        retried = retry_waiting_returns(asked, actor=Actor.of(request.user))
        self.message_user(request, f"{retried} of {len(asked)} will be tried again.", messages.SUCCESS)
