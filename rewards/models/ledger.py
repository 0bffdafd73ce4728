"""The ledger: append-only transactions, the lots they make, what was taken from which, and the balance.

The equations that these tables keep are in `docs/architecture.md`; `manage.py audit_ledger` proves them.
"""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from core import rights
from core.models import Stamped


class UserPoints(Stamped):
    """A member's balance: one row, changed only together with a ledger row.

    A row inserted with points (by hand, by another system) is made whole by triggers: see the migration
    `ledger_triggers`.
    """

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="points")
    current_points = models.BigIntegerField(default=0)
    pending_points = models.BigIntegerField(default=0)
    lifetime_points = models.BigIntegerField(default=0)
    debt_points = models.BigIntegerField(default=0)
    tier = models.ForeignKey(
        "rewards.LoyaltyTier", null=True, blank=True, on_delete=models.PROTECT, related_name="accounts"
    )
    settled_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text="The account's clock at its last posting: it never runs backwards.",
    )

    database_rights = rights.KEEP

    class Meta:
        db_table = "user_points"
        verbose_name = "member's points"
        verbose_name_plural = "members' points"
        permissions = [("adjust_points", "Can adjust members' points")]
        constraints = [
            models.CheckConstraint(
                condition=Q(current_points__gte=0, pending_points__gte=0, debt_points__gte=0),
                name="points_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(current_points=0) | Q(debt_points=0), name="points_or_debt_not_both"
            ),
            models.CheckConstraint(
                condition=Q(lifetime_points__gte=F("current_points")), name="lifetime_at_least_current"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.current_points} points of member {self.user_id}"


class PointsTransaction(models.Model):
    """One line of the ledger. A trigger refuses to change or delete it.

    `points` is signed; `lifetime_points` is what the line adds to the member's lifetime (negative for a
    reversal). `effective_at` is when it counts, `created_at` when it was written. `natural_key` names the
    cause for ever, so the same cause can't be posted twice. `related` is the line that this one takes back:
    the earn of a reversal, the spend of a restoration.
    """

    class Type(models.TextChoices):
        EARNED = "earned", "Earned"
        REDEEMED = "redeemed", "Redeemed"
        EXPIRED = "expired", "Expired"
        REVERSED = "reversed", "Reversed"
        RESTORED = "restored", "Restored"
        ADJUSTED = "adjusted", "Adjusted"
        OPENING = "opening", "Opening balance"

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    points = models.BigIntegerField()
    lifetime_points = models.BigIntegerField(default=0)
    transaction_type = models.CharField(max_length=20, choices=Type)
    description = models.CharField(max_length=255, blank=True, default="")
    order = models.ForeignKey(
        "orders.Order", null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    voucher = models.ForeignKey(
        "rewards.UserVoucher",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
    )
    related = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    metadata = models.JSONField(default=dict, blank=True)
    natural_key = models.CharField(max_length=300)
    effective_at = models.DateTimeField(default=timezone.now)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        db_table = "points_transactions"
        ordering = ["-effective_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["user", "natural_key"], name="one_posting_a_natural_key"),
            models.CheckConstraint(
                condition=Q(transaction_type="earned", points__gt=0, lifetime_points=F("points"))
                | Q(transaction_type="reversed", points__lt=0, lifetime_points=F("points"))
                | Q(transaction_type__in=["redeemed", "expired"], points__lt=0, lifetime_points=0)
                | Q(transaction_type="restored", points__gt=0, lifetime_points=0)
                | Q(transaction_type="adjusted", points__gt=0, lifetime_points=F("points"))
                | Q(transaction_type="adjusted", points__lt=0, lifetime_points=0)
                | Q(transaction_type="opening", lifetime_points__gte=F("points")) & Q(lifetime_points__gte=0),
                name="transaction_signs_fit_its_type",
            ),
        ]
        indexes = [
            models.Index(
                fields=["user", "effective_at", "id"],
                include=["lifetime_points", "related"],
                name="history_and_rolling_year",
            ),
            models.Index(fields=["-effective_at", "-id"], name="newest_lines"),
            models.Index(fields=["related"], name="lines_that_take_back", condition=Q(related__isnull=False)),
            models.Index(
                fields=["transaction_type", "-effective_at", "-id"],
                name="rarer_lines",
                condition=~Q(transaction_type__in=["earned", "redeemed"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.points:+d} {self.transaction_type}"


class PointLot(Stamped):
    """Points that came together and expire together.

    `remaining` is spendable once `matured` (posted as such). A null `expires_at` means never; otherwise the
    lot is good while `now < expires_at`. Triggers let only `remaining` and `matured` change.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    transaction = models.OneToOneField(PointsTransaction, on_delete=models.PROTECT, related_name="lot")
    points = models.BigIntegerField()
    remaining = models.BigIntegerField()
    earned_at = models.DateTimeField()
    matures_at = models.DateTimeField()
    matured = models.BooleanField(default=False)
    expires_at = models.DateTimeField(null=True, blank=True)

    database_rights = rights.KEEP

    class Meta:
        db_table = "point_lots"
        ordering = [F("expires_at").asc(nulls_last=True), "earned_at", "id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(points__gt=0, remaining__gte=0, remaining__lte=F("points")),
                name="lot_remaining_within_its_size",
            ),
            models.CheckConstraint(
                condition=Q(expires_at__isnull=True) | Q(expires_at__gt=F("matures_at")),
                name="lot_matures_before_it_expires",
            ),
            models.CheckConstraint(
                condition=Q(matured=True) | Q(remaining__gt=0), name="empty_lot_is_matured"
            ),
        ]
        indexes = [
            models.Index(
                fields=["user", "expires_at"], name="open_lots_of_a_member", condition=Q(remaining__gt=0)
            ),
            models.Index(
                fields=["expires_at"],
                name="lots_to_expire",
                condition=Q(remaining__gt=0, expires_at__isnull=False),
            ),
            models.Index(
                fields=["user", "matures_at"], name="lots_to_mature_by_member", condition=Q(matured=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.remaining} of {self.points} points"


class LotAllocation(models.Model):
    """Points taken from a lot (positive) or given back to it (negative) on behalf of a transaction.

    A taking on behalf of the transaction that made or refilled the lot is the repayment of a debt.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    lot = models.ForeignKey(PointLot, on_delete=models.PROTECT, related_name="allocations")
    transaction = models.ForeignKey(PointsTransaction, on_delete=models.PROTECT, related_name="allocations")
    points = models.BigIntegerField()
    effective_at = models.DateTimeField()
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        db_table = "lot_allocations"
        ordering = ["id"]
        constraints = [models.CheckConstraint(condition=~Q(points=0), name="allocation_not_zero")]

    def __str__(self) -> str:
        return f"{self.points} of lot {self.lot_id}"


class TierChange(models.Model):
    """A member's move from one tier to another, with the points that it was judged by."""

    class Reason(models.TextChoices):
        POINTS = "points", "Points moved"
        THRESHOLD = "threshold", "A tier was changed"
        PERIOD = "period", "The period moved on"

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="tier_changes")
    from_tier = models.ForeignKey(
        "rewards.LoyaltyTier", null=True, on_delete=models.PROTECT, related_name="+"
    )
    to_tier = models.ForeignKey("rewards.LoyaltyTier", null=True, on_delete=models.PROTECT, related_name="+")
    basis_points = models.BigIntegerField()
    reason = models.CharField(max_length=20, choices=Reason)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    database_rights = rights.ADD

    class Meta:
        db_table = "tier_changes"
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return f"{self.from_tier_id} → {self.to_tier_id}"
