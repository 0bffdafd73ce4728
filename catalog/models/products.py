"""Categories, brands, products and their variants."""

from typing import Any

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.functions import Lower

from catalog.rules import wrong_attributes
from core.images import random_name
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


class Brand(Stamped):
    """Who makes a product, as customers know them."""

    name = models.CharField(max_length=100)
    slug = models.SlugField(max_length=100, unique=True)

    class Meta:
        db_table = "brands"
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(
                Lower("name"), name="brands_name", violation_error_message="Another brand has this name."
            ),
            models.CheckConstraint(condition=~Q(name=""), name="brands_name_not_empty"),
        ]

    def __str__(self) -> str:
        return self.name


def check_attributes(value: Any) -> None:
    """Refuse what is no flat object of short facts."""
    if wrong := wrong_attributes(value):
        raise ValidationError(wrong)


_LISTED = Q(variant_of__isnull=True, is_active=True)


class Product(Stamped):
    """Something that is sold; price in rand.

    A variant (a size, a colour) is a product of its own that points at the listed one; see docs/adr/0013.
    Stock counts only where it is tracked: what an import brought sells without.
    """

    sku = models.CharField("SKU", max_length=64, unique=True)
    name = models.CharField(max_length=255)
    description = models.TextField(blank=True)
    price = models.DecimalField(max_digits=12, decimal_places=2, validators=[MinValueValidator(0)])
    image_url = models.URLField(max_length=500, blank=True)
    category = models.ForeignKey(
        Category, on_delete=models.PROTECT, null=True, blank=True, related_name="products"
    )
    brand = models.ForeignKey(
        Brand, on_delete=models.PROTECT, null=True, blank=True, related_name="products", db_index=False
    )
    variant_of = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="variants",
        db_index=False,
        help_text="The listed product that this is a size or colour of.",
    )
    attributes = models.JSONField(
        default=dict,
        db_default=Value({}, models.JSONField()),
        blank=True,
        validators=[check_attributes],
        help_text='Facts such as {"colour": "blue", "size": "XL"}.',
    )
    stock = models.IntegerField(default=0, db_default=0, validators=[MinValueValidator(0)])
    stock_is_tracked = models.BooleanField(
        default=False, db_default=False, help_text="When off, the product sells whatever its stock says."
    )
    rating_average = models.DecimalField(
        max_digits=3, decimal_places=2, default=0, db_default=0, editable=False
    )
    rating_count = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    is_active = models.BooleanField(default=True)

    class Meta:
        db_table = "products"
        ordering = ["name", "id"]
        indexes = [
            models.Index(fields=["name", "id"], name="products_name_id"),
            models.Index(
                fields=["variant_of"], condition=Q(variant_of__isnull=False), name="products_variants"
            ),
            models.Index(fields=["brand"], condition=Q(brand__isnull=False), name="products_of_brand"),
            models.Index(fields=["created_at", "id"], condition=_LISTED, name="products_listed_newest"),
            models.Index(fields=["price", "id"], condition=_LISTED, name="products_listed_price"),
            models.Index(
                fields=["rating_average", "rating_count", "id"],
                condition=_LISTED,
                name="products_listed_rating",
            ),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(price__gte=0), name="products_price_not_negative"),
            models.CheckConstraint(condition=~Q(sku=""), name="products_sku_not_empty"),
            models.CheckConstraint(condition=Q(stock__gte=0), name="products_stock_not_negative"),
            models.CheckConstraint(condition=~Q(variant_of=F("id")), name="products_not_own_variant"),
            models.CheckConstraint(
                condition=Func(
                    F("attributes"),
                    template="jsonb_typeof(%(expressions)s) = 'object'",
                    output_field=models.BooleanField(),
                ),
                name="products_attributes_object",
                violation_error_message="Attributes must be an object.",
            ),
            models.CheckConstraint(
                condition=Q(rating_count=0, rating_average=0)
                | Q(rating_count__gt=0, rating_average__range=(1, 5)),
                name="products_rating_1_to_5",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.sku})"

    def clean(self) -> None:
        """Refuse a variant of a variant: the listed product is one step away."""
        if self.variant_of_id is None:
            return
        if self.variant_of is not None and self.variant_of.variant_of_id is not None:
            raise ValidationError({"variant_of": "That product is itself a variant."})
        if self.pk is not None and Product.objects.filter(variant_of=self.pk).exists():
            raise ValidationError({"variant_of": "This product has variants of its own."})


def _product_image_path(image: "ProductImage", filename: str) -> str:
    return f"products/{random_name()}.jpg"


class ProductImage(Stamped):
    """One picture of a product: an address elsewhere, or a file here."""

    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="images", db_index=False)
    position = models.PositiveSmallIntegerField(default=1, help_text="1 is the picture that lists show.")
    url = models.URLField(max_length=500, blank=True)
    file = models.FileField(upload_to=_product_image_path, max_length=200, blank=True)
    alt = models.CharField(max_length=200, blank=True, help_text="What the picture shows, in words.")

    class Meta:
        db_table = "product_images"
        ordering = ["product_id", "position", "id"]
        indexes = [models.Index(fields=["product", "position", "id"], name="product_images_of_product")]
        constraints = [
            models.CheckConstraint(
                condition=(Q(url="") & ~Q(file="")) | (~Q(url="") & Q(file="")),
                name="product_images_url_or_file",
                violation_error_message="Give either an address or a file.",
            ),
        ]

    def __str__(self) -> str:
        return self.alt or f"picture {self.position}"


class ProductSearch(models.Model):
    """The words under which a product or variant is found; triggers write it, see docs/adr/0014.

    Beside the product and not in it: a sale rewrites the product's row, and this is many times its size.
    """

    product = models.OneToOneField(Product, on_delete=models.CASCADE, primary_key=True, related_name="search")
    words = SearchVectorField()

    class Meta:
        db_table = "product_search"
        indexes = [GinIndex(fields=["words"], name="product_search_words")]

    def __str__(self) -> str:
        return f"words of product {self.product_id}"
