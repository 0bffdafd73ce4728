"""The order's list and page, with its steps and returns by hand."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.db.models.functions import Lower
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone

from core.contracts import Actor
from core.errors import DomainError
from core.long_lists import CappedPaginator, EveryPeriod
from orders.admin.forms import MoveForm, ReturnForm
from orders.admin.inlines import ItemInline, ReturnInline, StepInline
from orders.models import Order
from orders.rules import RETURNABLE, Status, moves_from
from orders.selectors import shops
from orders.services.staff import move_order_by_hand, return_lines_by_hand

MOST_FOUND = 1000
MOVE_LABELS = {
    Status.PAID: "Mark as paid",
    Status.PROCESSING: "Start processing",
    Status.SHIPPED: "Mark as shipped",
    Status.DELIVERED: "Mark as delivered",
    Status.CANCELLED: "Cancel the order",
}


class ShopFilter(admin.SimpleListFilter):
    title = "shop"
    parameter_name = "shop"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(shop, shop) for shop in shops()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Order]) -> QuerySet[Order]:
        shop = self.value()
        return queryset if shop is None else queryset.filter(shop=shop)


@admin.register(Order)
class OrderAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Orders are made by the shop; here they are read, moved by the table of steps, and returned."""

    list_display = ("number", "shop", "user", "status", "total_with_currency", "placed_at", "delivered_at")
    list_select_related = ("user",)
    list_filter = ("status", ShopFilter)
    date_hierarchy = "placed_at"
    search_fields = ("number__startswith",)
    search_help_text = "The beginning of a number or a username, or a whole e-mail."
    paginator = CappedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    change_form_template = "admin/orders/order/change_form.html"
    inlines = (ItemInline, StepInline, ReturnInline)
    actions = ("mark_paid", "start_processing", "mark_shipped", "mark_delivered")
    fieldsets = (
        (None, {"fields": ("shop", "number", "user", "status")}),
        (
            "Money",
            {
                "fields": (
                    ("subtotal", "discount", "points_value"),
                    ("shipping", "tax", "tax_included", "total", "currency"),
                    ("voucher_code", "voucher_discount", "points_used"),
                    ("pay_by", "payment_reference"),
                )
            },
        ),
        (
            "Times",
            {
                "fields": (
                    ("placed_at", "paid_at", "processing_at"),
                    ("shipped_at", "delivered_at", "cancelled_at"),
                )
            },
        ),
    )

    @admin.display(description="total", ordering="total")
    def total_with_currency(self, order: Order) -> str:
        return f"{'R' if order.currency == 'ZAR' else order.currency} {order.total:,.2f}"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Order]:
        return EveryPeriod(Order)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Order], search_term: str
    ) -> tuple[QuerySet[Order], bool]:
        """Find by number or member, each through its own index, so a long list stays quick."""
        term = search_term.strip()
        if not term:
            return queryset, False
        members = (
            get_user_model()
            .objects.alias(lower_email=Lower("email"))
            .filter(Q(username__startswith=term) | Q(lower_email=term.lower()))
        )
        # As ids, up to a thousand: an OR across a join reads both tables whole, and numbers begin alike.
        user_ids = list(members.values_list("pk", flat=True)[:MOST_FOUND])
        numbered = Order.objects.order_by().filter(number__startswith=term)
        order_ids = list(numbered.values_list("pk", flat=True)[:MOST_FOUND])
        return queryset.filter(Q(pk__in=order_ids) | Q(user_id__in=user_ids)), False

    # --- read-only -----------------------------------------------------------------------------------------

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Order | None = None) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Order | None = None) -> tuple[str, ...]:
        return tuple(field.name for field in Order._meta.fields)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        order = self.get_object(request, unquote(object_id))
        context: dict[str, Any] = {
            "show_save": False,
            "show_save_and_continue": False,
            "show_save_and_add_another": False,
        }
        if order is not None and self.has_change_permission(request, order):
            context["moves"] = [(to.value, MOVE_LABELS[to]) for to in moves_from(order.status)]
            context["returnable"] = order.status in RETURNABLE
        return super().change_view(request, object_id, form_url, context | (extra_context or {}))

    # --- by hand -------------------------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("<int:order_id>/move/<str:to>/", view(self.move_view), name="orders_order_move"),
            path("<int:order_id>/return/", view(self.return_view), name="orders_order_return"),
            *super().get_urls(),
        ]

    def move_view(self, request: HttpRequest, order_id: int, to: str) -> HttpResponse:
        """Ask why, then take one step."""
        order = self._order_to_change(request, order_id)
        if to not in MOVE_LABELS:
            raise Http404
        form = MoveForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                move_order_by_hand(
                    order_id=order_id,
                    to=to,
                    actor=Actor.of(request.user),
                    at=timezone.now(),
                    reason=form.cleaned_data["reason"],
                )
            except DomainError as refusal:
                self.message_user(request, refusal.detail, messages.ERROR)
            else:
                self.message_user(request, f"The order is now {to}.", messages.SUCCESS)
            return self._to_page(order_id)
        title = MOVE_LABELS[Status(to)]
        return self._page(request, order, "move", title=title, form=form, to=to)

    def return_view(self, request: HttpRequest, order_id: int) -> HttpResponse:
        """Ask what comes back, show it once more, then take it back."""
        order = self._order_to_change(request, order_id)
        items = order.items.order_by("position")
        form = ReturnForm(items, request.POST) if request.method == "POST" else ReturnForm(items)
        chosen: list[dict[str, Any]] = []
        if request.method == "POST":
            sound, confirmed = form.is_valid(), "confirmed" in request.POST
            reference = form.cleaned_data.get("reference", "")
            # The second click of an impatient clerk: the first has used up what this form may ask for.
            if confirmed and order.returns.filter(reference=reference).exists():
                self.message_user(
                    request, f"This order has the return {reference} already.", messages.WARNING
                )
                return self._to_page(order_id)
            if sound and confirmed:
                return self._take_back(request, order_id, form)
            if sound:
                pieces = form.chosen()
                chosen = [
                    row | {"qty": pieces[row["item"].pk]} for row in form.rows() if row["item"].pk in pieces
                ]
        return self._page(request, order, "return", title="Return lines", form=form, chosen=chosen)

    def _take_back(self, request: HttpRequest, order_id: int, form: ReturnForm) -> HttpResponse:
        try:
            order_return = return_lines_by_hand(
                order_id=order_id,
                reference=form.cleaned_data["reference"],
                lines=form.chosen(),
                actor=Actor.of(request.user),
                at=timezone.now(),
                reason=form.cleaned_data["reason"],
            )
        except DomainError as refusal:
            self.message_user(request, refusal.detail, messages.ERROR)
        else:
            self.message_user(request, f"Taken back as {order_return.reference}.", messages.SUCCESS)
        return self._to_page(order_id)

    def _order_to_change(self, request: HttpRequest, order_id: int) -> Order:
        order: Order | None = self.get_object(request, str(order_id))
        if order is None:
            raise Http404
        if not self.has_change_permission(request, order):
            raise PermissionDenied
        return order

    def _to_page(self, order_id: int) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:orders_order_change", args=[order_id]))

    def _page(self, request: HttpRequest, order: Order, name: str, **context: Any) -> HttpResponse:
        return TemplateResponse(
            request,
            f"admin/orders/order/{name}.html",
            {**self.admin_site.each_context(request), "opts": self.opts, "order": order, **context},
        )

    # --- many at once --------------------------------------------------------------------------------------

    @admin.action(description="Mark the selected orders as paid", permissions=["change"])
    def mark_paid(self, request: HttpRequest, queryset: QuerySet[Order]) -> None:
        self._move_all(request, queryset, Status.PAID)

    @admin.action(description="Start processing the selected orders", permissions=["change"])
    def start_processing(self, request: HttpRequest, queryset: QuerySet[Order]) -> None:
        self._move_all(request, queryset, Status.PROCESSING)

    @admin.action(description="Mark the selected orders as shipped", permissions=["change"])
    def mark_shipped(self, request: HttpRequest, queryset: QuerySet[Order]) -> None:
        self._move_all(request, queryset, Status.SHIPPED)

    @admin.action(description="Mark the selected orders as delivered", permissions=["change"])
    def mark_delivered(self, request: HttpRequest, queryset: QuerySet[Order]) -> None:
        self._move_all(request, queryset, Status.DELIVERED)

    def _move_all(self, request: HttpRequest, queryset: QuerySet[Order], to: Status) -> None:
        """Move each order in its own transaction, so that one refusal leaves the others moved."""
        moved, refused = 0, []
        for order_id, number in queryset.order_by("pk").values_list("pk", "number"):
            try:
                move_order_by_hand(order_id=order_id, to=to, actor=Actor.of(request.user), at=timezone.now())
            except DomainError as refusal:
                refused.append(f"{number}: {refusal.detail}")
            else:
                moved += 1
        if moved:
            self.message_user(request, f"{moved} orders are now {to}.", messages.SUCCESS)
        if refused:
            shown = " ".join(refused[:5]) + (f" And {len(refused) - 5} more." if len(refused) > 5 else "")
            self.message_user(request, f"Not moved: {shown}", messages.WARNING)
