"""The shop's terms of sale, and what members ask to send back."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone

from core import rights
from core.images import random_name
from core.models import Stamped


class CheckoutSettings(Stamped):
    """The shop's terms: one row, which a migration makes. Money is in rand."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    shipping_fee = models.DecimalField(
        max_digits=10, decimal_places=2, default=60, validators=[MinValueValidator(0)]
    )
    free_shipping_from = models.DecimalField(
        max_digits=10,
        decimal_places=2,
        default=500,
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text="Rand of goods, after discounts and vouchers; empty: shipping is never free by itself.",
    )
    vat_rate = models.DecimalField(
        "VAT rate",
        max_digits=5,
        decimal_places=2,
        default=15,
        validators=[MinValueValidator(0), MaxValueValidator(100)],
        help_text="In percent.",
    )
    vat_included = models.BooleanField(
        "VAT included", default=True, help_text="Whether prices and shipping hold it, or it is added to them."
    )
    minimum_subtotal = models.DecimalField(
        max_digits=10,
        decimal_places=2,
        default=0,
        validators=[MinValueValidator(0)],
        help_text="Rand of goods before discounts; below it there is no order.",
    )
    unpaid_minutes = models.PositiveIntegerField(
        default=30,
        validators=[MinValueValidator(1), MaxValueValidator(60 * 24 * 30)],
        help_text="After that long an unpaid order is cancelled.",
    )
    quote_minutes = models.PositiveIntegerField(
        default=15,
        validators=[MinValueValidator(1), MaxValueValidator(60 * 24)],
        help_text="For that long a quoted price can be ordered.",
    )

    database_rights = rights.KEEP

    class Meta:
        db_table = "checkout_settings"
        verbose_name = verbose_name_plural = "checkout settings"
        constraints = [
            models.CheckConstraint(condition=Q(id=1), name="checkout_settings_is_one_row"),
            models.CheckConstraint(
                condition=Q(shipping_fee__gte=0, minimum_subtotal__gte=0)
                & (Q(free_shipping_from__isnull=True) | Q(free_shipping_from__gte=0)),
                name="checkout_settings_money_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(vat_rate__range=(0, 100)), name="checkout_settings_vat_in_percent"
            ),
            models.CheckConstraint(
                condition=Q(unpaid_minutes__gt=0, quote_minutes__gt=0),
                name="checkout_settings_windows_positive",
            ),
        ]

    def __str__(self) -> str:
        return "Checkout settings"


class ReturnRequest(Stamped):
    """A member's wish to send goods back; staff accept it, which is the return, or refuse it."""

    class Status(models.TextChoices):
        REQUESTED = "requested", "Requested"
        ACCEPTED = "accepted", "Accepted"
        REFUSED = "refused", "Refused"

    order = models.ForeignKey("orders.Order", on_delete=models.CASCADE, related_name="return_requests")
    status = models.CharField(max_length=10, choices=Status, default=Status.REQUESTED)
    reason = models.CharField(max_length=500)
    note = models.CharField(max_length=500, blank=True, help_text="What staff answered; the member sees it.")
    requested_at = models.DateTimeField(default=timezone.now)
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.CharField(max_length=200, blank=True)
    order_return = models.OneToOneField(
        "orders.OrderReturn", on_delete=models.PROTECT, null=True, blank=True, related_name="request"
    )

    database_rights = rights.KEEP

    class Meta:
        db_table = "order_return_requests"
        ordering = ["-requested_at", "-id"]
        indexes = [models.Index(fields=["status", "-requested_at"], name="return_requests_by_status")]
        constraints = [
            models.UniqueConstraint(
                fields=["order"], condition=Q(status="requested"), name="return_requests_one_open"
            ),
            models.CheckConstraint(
                condition=Q(status="requested", decided_at__isnull=True, order_return__isnull=True)
                | Q(status="accepted", decided_at__isnull=False, order_return__isnull=False)
                | Q(status="refused", decided_at__isnull=False, order_return__isnull=True),
                name="return_requests_decided_whole",
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="return_requests_have_reason"),
        ]

    def __str__(self) -> str:
        return f"return request {self.pk}"


class ReturnRequestLine(models.Model):
    """How much of one line a member wants to send back."""

    request = models.ForeignKey(ReturnRequest, on_delete=models.CASCADE, related_name="lines", db_index=False)
    item = models.ForeignKey("orders.OrderItem", on_delete=models.CASCADE, related_name="+", db_index=False)
    qty = models.PositiveIntegerField()
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "order_return_request_lines"
        ordering = ["request_id", "item_id"]
        constraints = [
            models.UniqueConstraint(fields=["request", "item"], name="return_request_lines_once"),
            models.CheckConstraint(condition=Q(qty__gt=0), name="return_request_lines_qty_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.qty} of line {self.item_id}"


def _picture_path(picture: "ReturnPicture", filename: str) -> str:
    return f"returns/{random_name()}.jpg"


class ReturnPicture(models.Model):
    """One picture that a member added to a return request."""

    request = models.ForeignKey(ReturnRequest, on_delete=models.CASCADE, related_name="pictures")
    file = models.FileField(upload_to=_picture_path, max_length=200)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "order_return_pictures"
        ordering = ["request_id", "id"]

    def __str__(self) -> str:
        return f"picture {self.pk} of return request {self.request_id}"
