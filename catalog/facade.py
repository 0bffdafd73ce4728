"""What other apps may call of the catalogue."""

from catalog.selectors.snapshots import product_snapshots
from catalog.services.moderation import approve_review, reject_review
from catalog.services.opinions import find_helpful
from catalog.services.products import ensure_brands, ensure_categories, ensure_products
from catalog.services.reviews import record_approved_reviews, submit_review

__all__ = [
    "approve_review",
    "ensure_brands",
    "ensure_categories",
    "ensure_products",
    "find_helpful",
    "product_snapshots",
    "record_approved_reviews",
    "reject_review",
    "submit_review",
]
