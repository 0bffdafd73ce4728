"""Reviews, their pictures, and what other members make of them."""

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from catalog.models.products import Product
from core.images import random_name
from core.models import Stamped


class ReviewStatus(models.TextChoices):
    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"


_SHOWN = Q(status=ReviewStatus.APPROVED.value)


class Review(Stamped):
    """What one member says of one listed product; shown while a moderator's approval stands.

    `helpful_count` is the number of its votes; `earned_at` when it was first approved, which earns: a review
    that has earned is not deleted, so that nobody earns for the same product again.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="reviews")
    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="reviews", db_index=False)
    rating = models.PositiveSmallIntegerField(validators=[MinValueValidator(1), MaxValueValidator(5)])
    text = models.TextField(blank=True)
    status = models.CharField(max_length=10, choices=ReviewStatus.choices, default=ReviewStatus.PENDING)
    verified_purchase = models.BooleanField(default=False, db_default=False)
    helpful_count = models.PositiveIntegerField(default=0, db_default=0)
    edited_at = models.DateTimeField(null=True, blank=True)
    earned_at = models.DateTimeField(null=True, blank=True)
    moderated_at = models.DateTimeField(null=True, blank=True)
    moderated_by = models.CharField(max_length=200, blank=True)
    moderation_reason = models.CharField(max_length=500, blank=True)

    class Meta:
        db_table = "reviews"
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="reviews_newest"),
            models.Index(fields=["status", "-created_at"], name="reviews_status_newest"),
            models.Index(fields=["user", "-created_at", "-id"], name="reviews_of_member"),
            models.Index(
                fields=["product", "-created_at", "-id"], condition=_SHOWN, name="reviews_shown_newest"
            ),
            models.Index(
                fields=["product", "-helpful_count", "-id"], condition=_SHOWN, name="reviews_shown_helpful"
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["product", "user"], name="reviews_one_per_member"),
            models.CheckConstraint(condition=Q(rating__range=(1, 5)), name="reviews_rating_1_to_5"),
            models.CheckConstraint(condition=Q(status__in=ReviewStatus.values), name="reviews_status_known"),
        ]

    def __str__(self) -> str:
        return f"review {self.pk}: {self.rating}/5"


def _review_image_path(image: "ReviewImage", filename: str) -> str:
    return f"reviews/{random_name()}.jpg"


class ReviewImage(models.Model):
    """One picture that a member added to their review."""

    review = models.ForeignKey(Review, on_delete=models.CASCADE, related_name="images")
    file = models.FileField(upload_to=_review_image_path, max_length=200)
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "review_images"
        ordering = ["review_id", "id"]

    def __str__(self) -> str:
        return f"picture {self.pk} of review {self.review_id}"


class ReviewVote(models.Model):
    """One member's word that a review helped."""

    review = models.ForeignKey(Review, on_delete=models.CASCADE, related_name="votes", db_index=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "review_votes"
        constraints = [models.UniqueConstraint(fields=["review", "user"], name="review_votes_once")]

    def __str__(self) -> str:
        return f"vote of {self.user_id} for review {self.review_id}"


class ReviewReport(models.Model):
    """One member's complaint about a review, for the moderators."""

    class Reason(models.TextChoices):
        SPAM = "spam"
        OFFENSIVE = "offensive"
        FALSE = "false"
        PERSONAL = "personal", "Personal data"
        OTHER = "other"

    review = models.ForeignKey(Review, on_delete=models.CASCADE, related_name="reports", db_index=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=10, choices=Reason.choices)
    note = models.CharField(max_length=500, blank=True)
    settled_at = models.DateTimeField(null=True, blank=True, help_text="When a moderator dealt with it.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "review_reports"
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["review"], condition=Q(settled_at=None), name="review_reports_open"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["review", "user"], name="review_reports_once"),
            models.CheckConstraint(
                condition=Q(reason__in=["spam", "offensive", "false", "personal", "other"]),
                name="review_reports_reason_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.reason}: review {self.review_id}"
