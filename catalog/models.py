"""Categories, products and reviews."""

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q

from core.models import Stamped


class Category(Stamped):
    """A shelf of the shop; shelves nest."""

    name = models.CharField(max_length=100)
    slug = models.SlugField(max_length=100, unique=True)
    parent = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="children"
    )

    class Meta:
        db_table = "categories"
        ordering = ["name", "id"]
        verbose_name_plural = "categories"
        constraints = [
            models.UniqueConstraint(
                fields=["parent", "name"], name="categories_name_in_parent", nulls_distinct=False
            ),
            models.CheckConstraint(condition=~Q(parent=F("id")), name="categories_not_own_parent"),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Refuse a parent that lies beneath this very category."""
        above, seen = self.parent, set[int]()
        while above is not None and above.pk not in seen:
            if above.pk == self.pk:
                raise ValidationError({"parent": "This category lies above its own parent."})
            seen.add(above.pk)
            above = above.parent


class Product(Stamped):
    """Something that is sold; price in rand."""

    sku = models.CharField("SKU", max_length=64, unique=True)
    name = models.CharField(max_length=255)
    description = models.TextField(blank=True)
    price = models.DecimalField(max_digits=12, decimal_places=2, validators=[MinValueValidator(0)])
    image_url = models.URLField(max_length=500, blank=True)
    category = models.ForeignKey(
        Category, on_delete=models.PROTECT, null=True, blank=True, related_name="products"
    )
    is_active = models.BooleanField(default=True)

    class Meta:
        db_table = "products"
        ordering = ["name", "id"]
        indexes = [models.Index(fields=["name", "id"], name="products_name_id")]
        constraints = [
            models.CheckConstraint(condition=Q(price__gte=0), name="products_price_not_negative"),
            models.CheckConstraint(condition=~Q(sku=""), name="products_sku_not_empty"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.sku})"


class ReviewStatus(models.TextChoices):
    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"


class Review(Stamped):
    """What one member says of one product; shown once a moderator has approved it."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="reviews")
    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="reviews", db_index=False)
    rating = models.PositiveSmallIntegerField(validators=[MinValueValidator(1), MaxValueValidator(5)])
    text = models.TextField(blank=True)
    status = models.CharField(max_length=10, choices=ReviewStatus.choices, default=ReviewStatus.PENDING)
    moderated_at = models.DateTimeField(null=True, blank=True)
    moderated_by = models.CharField(max_length=200, blank=True)
    moderation_reason = models.CharField(max_length=500, blank=True)

    class Meta:
        db_table = "reviews"
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="reviews_newest"),
            models.Index(fields=["status", "-created_at"], name="reviews_status_newest"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["product", "user"], name="reviews_one_per_member"),
            models.CheckConstraint(condition=Q(rating__range=(1, 5)), name="reviews_rating_1_to_5"),
            models.CheckConstraint(condition=Q(status__in=ReviewStatus.values), name="reviews_status_known"),
        ]

    def __str__(self) -> str:
        return f"review {self.pk}: {self.rating}/5"
