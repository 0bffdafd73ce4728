"""Vouchers that members bought with points."""

import secrets
from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import Q

from core import rights
from core.models import Stamped
from rewards.models.programme import BenefitType


def new_voucher_id() -> str:
    """Return `V` and 16 random hex digits."""
    return f"V{secrets.token_hex(8)}"


class UserVoucher(Stamped):
    """A voucher: available → reserved by an order → used; or expired.

    The stored status lags the clock until the hourly job: `status_at` says what it is now.
    """

    class Status(models.TextChoices):
        AVAILABLE = "available", "Available"
        RESERVED = "reserved", "Reserved by an order"
        USED = "used", "Used"
        EXPIRED = "expired", "Expired"

    id = models.CharField(max_length=100, primary_key=True, default=new_voucher_id)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="vouchers")
    option = models.ForeignKey(
        "rewards.RedemptionOption", null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    code = models.CharField(max_length=20, unique=True)
    type = models.CharField(max_length=20, choices=BenefitType)
    value = models.DecimalField(max_digits=10, decimal_places=2)
    category = models.ForeignKey("catalog.Category", null=True, on_delete=models.PROTECT, related_name="+")
    status = models.CharField(max_length=20, choices=Status, default=Status.AVAILABLE)
    order = models.ForeignKey("orders.Order", null=True, on_delete=models.PROTECT, related_name="vouchers")
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    database_rights = rights.KEEP

    class Meta:
        db_table = "user_vouchers"
        ordering = ["-created_at", "-id"]
        permissions = [("take_back_voucher", "Can take back vouchers and give their points back")]
        constraints = [
            models.UniqueConstraint(
                fields=["order"], condition=Q(order__isnull=False), name="one_voucher_an_order"
            ),
            models.CheckConstraint(
                condition=Q(status="reserved", order__isnull=False)
                | Q(status="used")
                | Q(status__in=["available", "expired"], order__isnull=True),
                name="voucher_held_by_its_order",
            ),
            models.CheckConstraint(
                condition=Q(status="used") | Q(used_at__isnull=True), name="voucher_used_at_only_when_used"
            ),
            models.CheckConstraint(
                condition=Q(status__in=["available", "reserved", "used", "expired"]),
                name="voucher_status_known",
            ),
        ]
        indexes = [
            models.Index(fields=["expires_at"], name="vouchers_to_expire", condition=Q(status="available")),
            models.Index(fields=["-created_at", "-id"], name="newest_vouchers"),
            models.Index(
                fields=["-created_at", "-id"], name="newest_held_vouchers", condition=Q(status="reserved")
            ),
        ]

    def __str__(self) -> str:
        return self.code

    def status_at(self, at: datetime) -> str:
        """The status by the clock: an available voucher past its date is expired."""
        if self.status == self.Status.AVAILABLE and self.expires_at <= at:
            return self.Status.EXPIRED
        return self.status
