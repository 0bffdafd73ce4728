"""What a loyalty manager decides: the programme's settings, tiers, earning rules and redemption options."""

from decimal import Decimal

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q

from core import rights
from core.models import Stamped


class Programme(Stamped):
    """The programme's settings: one row, which the first migration makes."""

    class TierBasis(models.TextChoices):
        LIFETIME = "lifetime", "Lifetime points: spending never demotes"
        ROLLING_YEAR = "rolling_year", "Points of the last twelve months"
        CURRENT = "current", "Spendable points, as the app's guide has it"

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    tier_basis = models.CharField(max_length=20, choices=TierBasis, default=TierBasis.LIFETIME)
    hold_days = models.PositiveSmallIntegerField(
        default=0,
        validators=[MaxValueValidator(27)],
        help_text="Days before purchase points can be spent; 0 lets them be spent at once.",
    )
    points_valid_months = models.PositiveSmallIntegerField(
        default=24,
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(1200)],
        help_text="Months from the earning date to expiry, at the end of that day; empty means never.",
    )
    restored_points_days = models.PositiveSmallIntegerField(
        default=30,
        validators=[MinValueValidator(1)],
        help_text="How long points last that are given back after their own expiry.",
    )
    voucher_valid_days = models.PositiveSmallIntegerField(default=30, validators=[MinValueValidator(1)])
    point_value = models.DecimalField(
        max_digits=6,
        decimal_places=4,
        default=Decimal("0.10"),
        db_default=Decimal("0.10"),
        validators=[MinValueValidator(0)],
        help_text="Rand that a point pays at checkout; 0 means that points can't pay.",
    )
    minimum_points = models.IntegerField(
        default=0,
        db_default=0,
        validators=[MinValueValidator(0)],
        help_text="Fewer than these can't be used to pay for an order.",
    )

    database_rights = rights.KEEP

    class Meta:
        db_table = "programme"
        verbose_name = verbose_name_plural = "programme settings"
        constraints = [
            models.CheckConstraint(condition=Q(id=1), name="programme_is_one_row"),
            models.CheckConstraint(condition=Q(hold_days__lt=28), name="programme_hold_under_a_month"),
            models.CheckConstraint(
                condition=Q(points_valid_months__isnull=True) | Q(points_valid_months__range=(1, 1200)),
                name="programme_validity_in_months",
            ),
            models.CheckConstraint(
                condition=Q(restored_points_days__gt=0, voucher_valid_days__gt=0),
                name="programme_windows_positive",
            ),
            models.CheckConstraint(
                condition=Q(point_value__gte=0, minimum_points__gte=0),
                name="programme_payment_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(tier_basis__in=["lifetime", "rolling_year", "current"]),
                name="programme_tier_basis_known",
            ),
        ]

    def __str__(self) -> str:
        return "Programme settings"


class LoyaltyTier(Stamped):
    """A level that members reach by points."""

    name = models.CharField(max_length=50, unique=True)
    min_points = models.PositiveBigIntegerField(unique=True)
    benefits = ArrayField(models.TextField(), default=list, blank=True)

    class Meta:
        db_table = "loyalty_tiers"
        ordering = ["min_points", "id"]
        constraints = [
            models.CheckConstraint(condition=Q(min_points__gte=0), name="tier_min_points_positive")
        ]

    def __str__(self) -> str:
        return self.name


class EarningRule(Stamped):
    """How many points an event earns: a rate for purchases, an amount for the rest.

    `version` grows by a database trigger whenever the arithmetic changes, so that a ledger row can name
    the rule as it was.
    """

    class RuleType(models.TextChoices):
        PURCHASE = "purchase", "Purchase"
        REFERRAL = "referral", "Referral"
        REVIEW = "review", "Review"
        SIGNUP = "signup", "Sign-up"

    name = models.CharField(max_length=100)
    description = models.TextField(blank=True, default="")
    points_per_rand = models.DecimalField(
        max_digits=5, decimal_places=2, default=0, validators=[MinValueValidator(0)]
    )
    points_amount = models.PositiveIntegerField(default=0)
    rule_type = models.CharField(max_length=20, choices=RuleType)
    is_active = models.BooleanField(default=True)
    version = models.PositiveIntegerField(default=1, editable=False)

    class Meta:
        db_table = "earning_rules"
        ordering = ["rule_type", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["rule_type"],
                condition=Q(is_active=True),
                name="one_active_earning_rule_a_type",
                violation_error_message="Another rule of this type is active: deactivate that one first.",
            ),
            models.CheckConstraint(
                condition=Q(points_per_rand__gte=0, points_amount__gte=0), name="earning_rule_not_negative"
            ),
            models.CheckConstraint(
                condition=Q(rule_type__in=["purchase", "referral", "review", "signup"]),
                name="earning_rule_type_known",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class BenefitType(models.TextChoices):
    """What an option or a voucher gives; `value` is in rand, or a percentage for a category discount."""

    DISCOUNT_VOUCHER = "discount_voucher", "Discount voucher"
    FREE_SHIPPING = "free_shipping", "Free shipping"
    CATEGORY_DISCOUNT = "category_discount", "Category discount"


class RedemptionOption(Stamped):
    """Something that points buy."""

    id = models.SlugField(max_length=50, primary_key=True)
    type = models.CharField(max_length=20, choices=BenefitType)
    name = models.CharField(max_length=100)
    description = models.TextField(blank=True, default="")
    points_required = models.PositiveIntegerField(validators=[MinValueValidator(1)])
    value = models.DecimalField(
        max_digits=10,
        decimal_places=2,
        default=0,
        validators=[MinValueValidator(0)],
        help_text="An amount in rand; for a category discount a percentage.",
    )
    category = models.ForeignKey("catalog.Category", null=True, blank=True, on_delete=models.PROTECT)
    min_tier = models.ForeignKey(LoyaltyTier, null=True, blank=True, on_delete=models.PROTECT)
    is_active = models.BooleanField(default=True)

    class Meta:
        db_table = "redemption_options"
        ordering = ["points_required", "id"]
        constraints = [
            models.CheckConstraint(condition=Q(points_required__gt=0), name="option_costs_points"),
            models.CheckConstraint(condition=Q(value__gte=0), name="option_value_not_negative"),
            models.CheckConstraint(
                condition=Q(type="category_discount", category__isnull=False, value__lte=100)
                | (~Q(type="category_discount") & Q(category__isnull=True)),
                name="option_category_and_percentage",
                violation_error_message=(
                    "A category discount has a category and a percentage up to 100; "
                    "other types have no category."
                ),
            ),
            models.CheckConstraint(
                condition=Q(type__in=["discount_voucher", "free_shipping", "category_discount"]),
                name="option_type_known",
            ),
        ]
        indexes = [
            models.Index(F("points_required"), F("id"), name="active_options", condition=Q(is_active=True))
        ]

    def __str__(self) -> str:
        return self.name
