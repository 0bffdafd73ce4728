"""What other apps may call of the catalogue."""

from catalog.selectors import product_snapshots
from catalog.services.products import ensure_categories, ensure_products
from catalog.services.reviews import (
    approve_review,
    record_approved_reviews,
    reject_review,
    submit_review,
)

__all__ = [
    "approve_review",
    "ensure_categories",
    "ensure_products",
    "product_snapshots",
    "record_approved_reviews",
    "reject_review",
    "submit_review",
]
