"""Orders, their lines, the history of their steps, and returns. Money is in rand."""

import secrets
from typing import Any

from django.conf import settings
from django.contrib.postgres.indexes import OpClass
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from core import rights
from core.models import Stamped
from orders.checkout_models import (  # noqa: F401
    CheckoutSettings,
    ReturnPicture,
    ReturnRequest,
    ReturnRequestLine,
)
from orders.contracts import SHOP
from orders.imports.models import ImportDocument, ImportFile, ImportReject, ImportRow  # noqa: F401
from orders.rules import Status
from orders.shop_models import WaitingReturn  # noqa: F401

STATUS_CHOICES = [(status.value, status.value.replace("_", " ").capitalize()) for status in Status]

TIME_FIELDS: dict[str, str] = {
    Status.PENDING: "placed_at",
    Status.PAID: "paid_at",
    Status.PROCESSING: "processing_at",
    Status.SHIPPED: "shipped_at",
    Status.DELIVERED: "delivered_at",
    Status.CANCELLED: "cancelled_at",
}
"""Where the time of reaching a status is kept; returns keep theirs in `OrderReturn`."""

_NET = F("subtotal") - F("discount") - F("points_value") + F("shipping")

_DELIVERED = [Status.DELIVERED.value, Status.PARTIALLY_RETURNED.value, Status.RETURNED.value]


def new_order_number() -> str:
    """Make a number for an order of our own shop: ten characters without look-alikes, unguessable."""
    return "MH-" + "".join(secrets.choice("23456789ABCDEFGHJKLMNPQRSTUVWXYZ") for _ in range(10))


def _money(**options: Any) -> "models.DecimalField[Any, Any]":
    return models.DecimalField(max_digits=12, decimal_places=2, **options)


class Order(Stamped):
    """One purchase of one member in one shop.

    `discount` includes `voucher_discount`; `points_value` is what `points_used` paid; `tax` is inside the
    lines' prices and shipping where `tax_included`, else added on top; `total` is what is paid in money. An
    order known only by its total has no lines and a subtotal of 0.

    `placed_key` is the caller's own name for placing it, once for ever. A pending order with `pay_by` is
    cancelled then.
    """

    shop = models.CharField(max_length=50, default=SHOP)
    number = models.CharField(max_length=64, default=new_order_number)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="orders", db_index=False
    )
    status = models.CharField(max_length=20, choices=STATUS_CHOICES, default=Status.PENDING.value)
    currency = models.CharField(max_length=3, default="ZAR")
    subtotal = _money(default=0)
    discount = _money(default=0)
    shipping = _money(default=0)
    tax = _money(default=0)
    tax_included = models.BooleanField(default=False, db_default=False)
    total = _money(default=0)
    points_used = models.PositiveIntegerField(default=0)
    points_value = _money(default=0)
    voucher_code = models.CharField(max_length=20, blank=True)
    voucher_discount = _money(default=0)
    placed_key = models.CharField(max_length=300, blank=True, default="", db_default="", editable=False)
    pay_by = models.DateTimeField(null=True, blank=True)
    payment_reference = models.CharField(max_length=100, blank=True, default="", db_default="")
    placed_at = models.DateTimeField(default=timezone.now)
    paid_at = models.DateTimeField(null=True, blank=True)
    processing_at = models.DateTimeField(null=True, blank=True)
    shipped_at = models.DateTimeField(null=True, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)
    cancelled_at = models.DateTimeField(null=True, blank=True)

    database_rights = rights.KEEP | rights.ANALYZE

    class Meta:
        db_table = "orders"
        ordering = ["-placed_at", "-id"]
        indexes = [
            models.Index(fields=["user", "-placed_at", "-id"], name="orders_of_member"),
            models.Index(fields=["-placed_at", "-id"], name="orders_newest"),
            models.Index(fields=["status", "-placed_at"], name="orders_status_newest"),
            # Searching by the beginning of a number: LIKE 'x%' uses only this class of index.
            models.Index(OpClass("number", name="varchar_pattern_ops"), name="orders_number_prefix"),
            models.Index(
                fields=["pay_by", "id"],
                condition=Q(status=Status.PENDING.value, pay_by__isnull=False),
                name="orders_unpaid",
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["shop", "number"], name="orders_shop_number"),
            models.UniqueConstraint(
                fields=["user", "placed_key"], condition=~Q(placed_key=""), name="orders_placed_once"
            ),
            models.CheckConstraint(condition=~Q(number="") & ~Q(shop=""), name="orders_named"),
            models.CheckConstraint(
                condition=Q(status__in=[status.value for status in Status]), name="orders_status_known"
            ),
            models.CheckConstraint(
                condition=Q(
                    subtotal__gte=0,
                    discount__gte=0,
                    shipping__gte=0,
                    tax__gte=0,
                    total__gte=0,
                    points_value__gte=0,
                ),
                name="orders_money_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(voucher_discount__gte=0, voucher_discount__lte=F("discount")),
                name="orders_voucher_within_discount",
            ),
            models.CheckConstraint(
                condition=Q(subtotal=0)
                | Q(tax_included=True, total=_NET)
                | Q(tax_included=False, total=_NET + F("tax")),
                name="orders_total_with_tax_adds_up",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=_DELIVERED) | Q(delivered_at__isnull=False),
                name="orders_delivered_has_time",
            ),
            models.CheckConstraint(
                condition=~Q(status=Status.CANCELLED.value) | Q(cancelled_at__isnull=False),
                name="orders_cancelled_has_time",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.shop} {self.number}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Store the order; one made by hand in a later status gets that status's time."""
        if self._state.adding:
            reached = "delivered_at" if self.status in _DELIVERED else TIME_FIELDS[self.status]
            if getattr(self, reached) is None:
                setattr(self, reached, timezone.now())
        super().save(*args, **kwargs)


class OrderItem(Stamped):
    """One line: what was bought, as it was called and priced then."""

    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="items", db_index=False)
    position = models.PositiveIntegerField(help_text="1 is the first line.")
    product = models.ForeignKey("catalog.Product", on_delete=models.PROTECT, related_name="order_items")
    sku = models.CharField("SKU", max_length=64)
    name = models.CharField(max_length=255)
    qty = models.PositiveIntegerField()
    unit_price = _money()
    line_total = models.GeneratedField(
        expression=F("qty") * F("unit_price"), output_field=_money(), db_persist=True
    )
    discount = _money(default=0, help_text="Off the whole line, vouchers included.")
    points_value = _money(default=0, help_text="What points paid of this line.")
    tax = _money(default=0, db_default=0, help_text="Its share of the order's tax.")
    stock_taken = models.BooleanField(
        default=False,
        db_default=False,
        help_text="From counted stock, to which a cancelled order gives it back.",
    )
    returned_qty = models.PositiveIntegerField(default=0)

    database_rights = rights.ALL | rights.ANALYZE

    class Meta:
        db_table = "order_items"
        ordering = ["order_id", "position"]
        constraints = [
            models.UniqueConstraint(fields=["order", "position"], name="order_items_position"),
            models.CheckConstraint(condition=Q(qty__gt=0), name="order_items_qty_positive"),
            models.CheckConstraint(
                condition=Q(unit_price__gte=0, discount__gte=0, points_value__gte=0),
                name="order_items_money_not_negative",
            ),
            models.CheckConstraint(condition=Q(tax__gte=0), name="order_items_tax_not_negative"),
            models.CheckConstraint(
                condition=Q(returned_qty__lte=F("qty")), name="order_items_returned_within_bought"
            ),
            models.CheckConstraint(
                condition=Q(line_total__gte=F("discount") + F("points_value")),
                name="order_items_net_not_negative",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.qty} × {self.name}"


class OrderStep(models.Model):
    """One step in an order's life: from where to where, by whom, when, why. Only ever added."""

    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="steps", db_index=False)
    from_status = models.CharField(max_length=20, choices=STATUS_CHOICES, blank=True)
    to_status = models.CharField(max_length=20, choices=STATUS_CHOICES)
    actor = models.CharField(max_length=200)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    reason = models.CharField(max_length=500, blank=True)
    at = models.DateTimeField()
    created_at = models.DateTimeField(default=timezone.now)

    database_rights = rights.ADD

    class Meta:
        db_table = "order_steps"
        ordering = ["order_id", "id"]
        indexes = [models.Index(fields=["order", "id"], name="order_steps_of_order")]
        constraints = [
            models.CheckConstraint(
                condition=Q(to_status__in=[status.value for status in Status]), name="order_steps_to_known"
            ),
            models.CheckConstraint(
                condition=Q(from_status__in=["", *(status.value for status in Status)]),
                name="order_steps_from_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.from_status or 'new'} → {self.to_status}"


class OrderReturn(models.Model):
    """Goods that came back together, under a reference that is unique within the order. Only ever added.

    `refund` is what of the goods' price is due back in money, null where somebody else has seen to it.
    """

    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="returns", db_index=False)
    reference = models.CharField(max_length=64, help_text="The credit note, or another id of this return.")
    reason = models.CharField(max_length=500, blank=True)
    actor = models.CharField(max_length=200)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    at = models.DateTimeField()
    refund = _money(null=True, blank=True)
    points_back = models.IntegerField(default=0, db_default=0)
    created_at = models.DateTimeField(default=timezone.now)

    database_rights = rights.ADD | rights.ANALYZE

    class Meta:
        db_table = "order_returns"
        ordering = ["order_id", "id"]
        indexes = [models.Index(fields=["reference"], name="order_returns_reference")]
        constraints = [
            models.UniqueConstraint(fields=["order", "reference"], name="order_returns_once"),
            models.CheckConstraint(condition=~Q(reference=""), name="order_returns_named"),
            models.CheckConstraint(
                condition=Q(points_back__gte=0) & (Q(refund__isnull=True) | Q(refund__gte=0)),
                name="order_returns_give_back_not_negative",
            ),
        ]

    def __str__(self) -> str:
        return self.reference


class ReturnLine(models.Model):
    """How much of one line came back with one return."""

    order_return = models.ForeignKey(
        OrderReturn, on_delete=models.CASCADE, related_name="lines", db_index=False
    )
    item = models.ForeignKey(OrderItem, on_delete=models.CASCADE, related_name="return_lines")
    qty = models.PositiveIntegerField()
    created_at = models.DateTimeField(default=timezone.now)

    database_rights = rights.ALL | rights.ANALYZE

    class Meta:
        db_table = "order_return_lines"
        ordering = ["order_return_id", "item_id"]
        constraints = [
            models.UniqueConstraint(fields=["order_return", "item"], name="order_return_lines_once"),
            models.CheckConstraint(condition=Q(qty__gt=0), name="order_return_lines_qty_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.qty} of line {self.item_id}"
