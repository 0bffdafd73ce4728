"""What the shop shows: lists of products, and one product with all that belongs to it."""

from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import BooleanField, Case, Count, Exists, ExpressionWrapper, OuterRef, Q, QuerySet, When
from django.db.models.functions import Coalesce

from catalog.models import Product, Review, ReviewStatus
from catalog.rules import SearchTerms
from catalog.selectors.search import found_by
from catalog.selectors.shelves import categories_within
from core.errors import NotFound

_IN_STOCK = Q(stock_is_tracked=False) | Q(stock__gt=0)


class ProductNotShown(NotFound):
    """There is no such product, or it is not sold any more."""

    title = "No such product"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductFilters:
    """What a list is narrowed to; prices in rand, both ends included."""

    category_id: int | None = None
    brand_ids: Collection[int] = ()
    ids: Collection[int] = ()
    min_price: Decimal | None = None
    max_price: Decimal | None = None
    min_rating: Decimal | None = None
    in_stock: bool | None = None
    terms: SearchTerms | None = None


@dataclass(frozen=True, slots=True)
class ProductPage:
    """One listed product, its variants, and how it was rated: stars → approved reviews."""

    product: Product
    variants: list[Product]
    histogram: dict[int, int]
    own_review: Review | None
    asked_variant_id: int | None = None


def listed_products(filters: ProductFilters) -> QuerySet[Product]:
    """Return the listed products, each with `has_variants` and `in_stock`; with terms also `relevance`.

    A product that has variants on sale is in stock when one of them is.
    """
    products = _shown(Product.objects.filter(variant_of=None, is_active=True))
    if filters.category_id is not None:
        products = products.filter(category__in=categories_within(filters.category_id))
    if filters.brand_ids:
        products = products.filter(brand__in=filters.brand_ids)
    if filters.ids:
        asked = Product.objects.filter(pk__in=filters.ids)
        products = products.filter(pk__in=asked.values_list(Coalesce("variant_of_id", "pk")))
    if filters.min_price is not None:
        products = products.filter(price__gte=filters.min_price)
    if filters.max_price is not None:
        products = products.filter(price__lte=filters.max_price)
    if filters.min_rating is not None:
        products = products.filter(rating_average__gte=filters.min_rating)
    if filters.in_stock is not None:
        products = products.filter(in_stock=filters.in_stock)
    if filters.terms is not None:
        products = found_by(products, filters.terms)
    return products


def listed_id(product_id: int) -> int | None:
    """Return the id under which a product is listed, a variant's its product's; None if it is not sold."""
    sold = Product.objects.filter(pk=product_id, is_active=True).exclude(variant_of__is_active=False)
    return sold.values_list(Coalesce("variant_of_id", "pk"), flat=True).first()


def product_page(product_id: int, *, user_id: int) -> ProductPage:
    """Return what the app shows of a product; of a variant it is its listed product's page.

    Raises:
        ProductNotShown: the product, or the one that it is a variant of, is unknown or not sold.
    """
    family = Product.objects.filter(pk=product_id, is_active=True)
    listed = family.values_list(Coalesce("variant_of_id", "pk"))
    product = _shown(Product.objects.filter(pk__in=listed, variant_of=None, is_active=True)).first()
    if product is None:
        raise ProductNotShown
    variants = Product.objects.filter(variant_of=product, is_active=True).annotate(in_stock=_sells_itself())
    counted = Review.objects.filter(product=product, status=ReviewStatus.APPROVED).order_by()
    return ProductPage(
        product=product,
        variants=list(variants.prefetch_related("images").order_by("price", "id")),
        histogram=dict(counted.values_list("rating").annotate(Count("pk"))),
        own_review=Review.objects.filter(product=product, user_id=user_id).first(),
        asked_variant_id=None if product.pk == product_id else product_id,
    )


def _shown(products: QuerySet[Product]) -> QuerySet[Any]:
    variants = Product.objects.filter(variant_of=OuterRef("pk"), is_active=True)
    return (
        products.annotate(has_variants=Exists(variants))
        .annotate(
            in_stock=Case(
                When(has_variants=True, then=Exists(variants.filter(_IN_STOCK))), default=_sells_itself()
            )
        )
        .select_related("category", "brand")
        .prefetch_related("images")
    )


def _sells_itself() -> Any:
    return ExpressionWrapper(_IN_STOCK, output_field=BooleanField())
