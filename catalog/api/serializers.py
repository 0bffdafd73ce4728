"""The shapes of the catalogue's API: shelves and products."""

from collections.abc import Mapping
from typing import Any

from django.db.models.fields.files import FieldFile
from drf_spectacular.helpers import lazy_serializer
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from catalog.models import Product, ProductImage
from core.api.fields import Money, RowId, Text
from core.api.serializers import Input, all_shown

MOST_IDS = 200
ORDERINGS = ["relevance", "newest", "price", "-price", "rating", "name"]


class RowIds(Text):
    """Ids with commas between them, in a query string."""

    default_error_messages = {
        "not_ids": "Must be ids with commas between them.",
        "too_many": f"At most {MOST_IDS} ids.",
    }

    def to_internal_value(self, data: Any) -> list[int]:  # type: ignore[override]
        parts = super().to_internal_value(data).split(",")
        if len(parts) > MOST_IDS:
            self.fail("too_many")
        # No longer than a number of the database's: Python refuses to read thousands of digits.
        if not all(part.isascii() and part.isdigit() and len(part) < 20 for part in parts):
            self.fail("not_ids")
        if not all(0 < int(part) < 2**63 for part in parts):
            self.fail("not_ids")
        return [int(part) for part in parts]


class ProductsQuery(Input):
    q = Text(
        required=False,
        allow_blank=True,
        trim_whitespace=False,
        max_length=200,
        help_text='Words to find; "a phrase", or, -without; the last word may be unfinished.',
    )
    category = RowId(required=False, help_text="A category's id: it and all beneath it.")
    brand = RowIds(required=False, help_text="Brands' ids: 1,2.")
    ids = RowIds(required=False, help_text="Products' ids, or their variants': 1,2.")
    min_price = Money(required=False, min_value=0)
    max_price = Money(required=False, min_value=0)
    min_rating = serializers.DecimalField(
        required=False, max_digits=3, decimal_places=2, min_value=0, max_value=5
    )
    in_stock = serializers.BooleanField(required=False)
    ordering = serializers.ChoiceField(
        ORDERINGS, required=False, help_text="Newest first; with q, the best match first."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        lowest, highest = attrs.get("min_price"), attrs.get("max_price")
        if lowest is not None and highest is not None and lowest > highest:
            raise serializers.ValidationError({"min_price": ["Is above max_price."]})
        attrs["q"] = attrs.get("q", "").lstrip()
        if attrs.get("ordering") == "relevance" and not attrs["q"]:
            raise serializers.ValidationError({"ordering": ["Relevance needs q."]})
        return attrs


class ShelfOutput(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    name = serializers.CharField()
    slug = serializers.SlugField()


class CategoryOutput(ShelfOutput):
    children = serializers.SerializerMethodField()

    @extend_schema_field(lazy_serializer("catalog.api.serializers.CategoryOutput")(many=True))
    def get_children(self, shelf: Any) -> list[dict[str, Any]]:
        return list(all_shown(CategoryOutput, shelf.children))


class ImageOutput(serializers.Serializer[Any]):
    url = serializers.SerializerMethodField()
    alt = serializers.CharField()

    @extend_schema_field(serializers.URLField())
    def get_url(self, image: ProductImage) -> str:
        return image.url or absolute_url(image.file, self.context)


class OfferOutput(serializers.Serializer[Any]):
    """What listed products and variants have in common."""

    id = serializers.IntegerField()
    sku = serializers.CharField()
    name = serializers.CharField()
    price = Money(help_text="Rand.")
    image = serializers.SerializerMethodField(help_text="The first picture's address.")
    in_stock = serializers.BooleanField()

    @extend_schema_field(serializers.URLField(allow_null=True))
    def get_image(self, product: Product) -> str | None:
        for image in product.images.all():
            return image.url or absolute_url(image.file, self.context)
        return product.image_url or None


class ListedProductOutput(OfferOutput):
    has_variants = serializers.BooleanField(help_text="Order one of its variants, not the product itself.")
    category = ShelfOutput(allow_null=True)
    brand = ShelfOutput(allow_null=True)
    rating = serializers.SerializerMethodField(help_text="The mean of the approved reviews, or null.")
    rating_count = serializers.IntegerField()

    @extend_schema_field(
        serializers.DecimalField(max_digits=3, decimal_places=2, coerce_to_string=True, allow_null=True)
    )
    def get_rating(self, product: Product) -> str | None:
        return str(product.rating_average) if product.rating_count else None


class ProductsPageOutput(serializers.Serializer[Any]):
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = ListedProductOutput(many=True)


class VariantOutput(OfferOutput):
    attributes = serializers.DictField()
    images = ImageOutput(many=True)


class RatingsOutput(serializers.Serializer[Any]):
    average = serializers.DecimalField(max_digits=3, decimal_places=2, coerce_to_string=True, allow_null=True)
    count = serializers.IntegerField()
    histogram = serializers.DictField(
        child=serializers.IntegerField(), help_text='Reviews by stars, "1" to "5".'
    )


class OwnReviewNote(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    status = serializers.CharField()
    rating = serializers.IntegerField()


class ProductOutput(ListedProductOutput):
    description = serializers.CharField()
    attributes = serializers.DictField()
    images = ImageOutput(many=True)


class ProductPageOutput(ProductOutput):
    variants = VariantOutput(many=True)
    selected_variant_id = serializers.IntegerField(
        allow_null=True, help_text="The variant that was asked for."
    )
    reviews = RatingsOutput()
    own_review = OwnReviewNote(allow_null=True)


def absolute_url(file: FieldFile, context: Mapping[str, Any]) -> str:
    """Return the full address of a stored file."""
    return str(context["request"].build_absolute_uri(file.url))
