"""What other apps may know of the catalogue: topics and row shapes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

REVIEW_APPROVED = "review.approved"
"""Topic; payload {review_id, user_id}."""

REVIEW_REJECTED = "review.rejected"
"""Topic; payload {review_id, user_id}. A review that had been approved may be rejected later."""


@dataclass(frozen=True, slots=True)
class CategoryRow:
    """One category for `ensure_categories`; its parent stands earlier in the rows, or exists."""

    slug: str
    name: str
    parent_slug: str | None = None


@dataclass(frozen=True, slots=True)
class ProductRow:
    """One product for `ensure_products`; price in rand. Without a stock, it sells whatever there is; without
    `is_active` it is on no list.
    """

    sku: str
    name: str
    price: Decimal
    category_id: int | None = None
    image_url: str = ""
    description: str = ""
    brand_id: int | None = None
    variant_of_id: int | None = None
    attributes: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    stock: int | None = None
    is_active: bool = True


@dataclass(frozen=True, slots=True)
class ProductSnapshot:
    """What an order line keeps of a product."""

    product_id: int
    sku: str
    name: str


@dataclass(frozen=True, slots=True)
class ReviewRow:
    """One approved review for `record_approved_reviews`."""

    user_id: int
    product_id: int
    rating: int
    text: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ProductForSale:
    """A product as checkout sees it; `price` in rand, `stock` is None where nobody counts it."""

    product_id: int
    sku: str
    name: str
    price: Decimal
    is_active: bool
    stock: int | None
