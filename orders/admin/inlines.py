"""What an order's page shows beneath the order, to look at."""

from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from orders.models import OrderItem, OrderReturn, OrderStep


class ReadOnlyInline(admin.TabularInline):  # type: ignore[type-arg]
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class ItemInline(ReadOnlyInline):
    model = OrderItem
    verbose_name_plural = "lines"
    fields = (
        "position",
        "sku",
        "name",
        "qty",
        "unit_price",
        "line_total",
        "discount",
        "points_value",
        "tax",
        "returned_qty",
    )
    readonly_fields = fields


class StepInline(ReadOnlyInline):
    model = OrderStep
    verbose_name_plural = "steps"
    fields = ("at", "from_status", "to_status", "actor", "reason")
    readonly_fields = fields


class ReturnInline(ReadOnlyInline):
    model = OrderReturn
    verbose_name_plural = "returns"
    fields = ("at", "reference", "what", "refund", "points_back", "actor", "reason")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).prefetch_related("lines__item")

    @admin.display(description="lines")
    def what(self, order_return: OrderReturn) -> str:
        return ", ".join(f"{line.qty} of {line.item.name}" for line in order_return.lines.all())
