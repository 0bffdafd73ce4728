"""The shapes of the catalogue's API: reviews."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from catalog.api.serializers import absolute_url
from catalog.models import Review, ReviewImage, ReviewReport, ReviewStatus
from catalog.services.reviews import MOST_IMAGES
from core.api.fields import RowId, Text
from core.api.images import ImageUpload
from core.api.serializers import Input

LONGEST_TEXT = 5000
_IMAGES_HELP = f"JPEG, PNG or WebP, up to 2 MB each, at most {MOST_IMAGES}; in a multipart body."


class ReviewInput(Input):
    rating = serializers.IntegerField(min_value=1, max_value=5)
    text = Text(required=False, allow_blank=True, max_length=LONGEST_TEXT, default="")
    images = serializers.ListField(
        child=ImageUpload(), required=False, max_length=MOST_IMAGES, default=list, help_text=_IMAGES_HELP
    )


class ReviewChanges(Input):
    rating = serializers.IntegerField(min_value=1, max_value=5, required=False)
    text = Text(required=False, allow_blank=True, max_length=LONGEST_TEXT)
    images = serializers.ListField(
        child=ImageUpload(), required=False, max_length=MOST_IMAGES, default=list, help_text=_IMAGES_HELP
    )
    remove_images = serializers.ListField(
        child=RowId(), required=False, max_length=MOST_IMAGES, default=list, help_text="Ids of pictures."
    )


class ReviewsQuery(Input):
    rating = serializers.IntegerField(required=False, min_value=1, max_value=5)
    ordering = serializers.ChoiceField(["newest", "helpful"], required=False, default="newest")


class ReportInput(Input):
    reason = serializers.ChoiceField(ReviewReport.Reason.choices)
    note = Text(required=False, allow_blank=True, max_length=500, default="")


class ReviewImageOutput(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    url = serializers.SerializerMethodField()
    width = serializers.IntegerField()
    height = serializers.IntegerField()

    @extend_schema_field(serializers.URLField())
    def get_url(self, image: ReviewImage) -> str:
        return absolute_url(image.file, self.context)


class ReviewOutput(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    product_id = serializers.IntegerField()
    rating = serializers.IntegerField()
    text = serializers.CharField()
    author = serializers.SerializerMethodField(help_text="First name and initial; no more of the member.")
    own = serializers.SerializerMethodField()
    verified_purchase = serializers.BooleanField()
    images = ReviewImageOutput(many=True)
    helpful_count = serializers.IntegerField()
    found_helpful = serializers.BooleanField(help_text="Whether the caller found it helpful.")
    created_at = serializers.DateTimeField()
    edited_at = serializers.DateTimeField(allow_null=True)

    def get_author(self, review: Review) -> str:
        first, last = review.user.first_name.strip(), review.user.last_name.strip()
        return f"{first} {last[:1]}".strip() if first else "Member"

    def get_own(self, review: Review) -> bool:
        return bool(review.user_id == self.context["request"].user.pk)


class OwnReviewOutput(ReviewOutput):
    status = serializers.ChoiceField(ReviewStatus.choices)
    moderation_reason = serializers.CharField(help_text="Why a moderator kept it out, where one said so.")


class ReviewsPageOutput(serializers.Serializer[Any]):
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = ReviewOutput(many=True)


class OwnReviewsPageOutput(serializers.Serializer[Any]):
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = OwnReviewOutput(many=True)


class HelpfulOutput(serializers.Serializer[Any]):
    helpful_count = serializers.IntegerField()
    found_helpful = serializers.BooleanField()


class ReportOutput(serializers.Serializer[Any]):
    reported = serializers.BooleanField()
