"""What other apps may call of the catalogue."""

from catalog.selectors.selling import products_for_sale, products_within
from catalog.selectors.snapshots import product_snapshots
from catalog.services.moderation import approve_review, reject_review
from catalog.services.opinions import find_helpful
from catalog.services.products import ensure_brands, ensure_categories, ensure_products
from catalog.services.ratings import lock_products
from catalog.services.reviews import record_approved_reviews, submit_review
from catalog.services.stock import OutOfStock, give_back_stock, refuse_lacking, take_stock

__all__ = [
    "OutOfStock",
    "approve_review",
    "ensure_brands",
    "ensure_categories",
    "ensure_products",
    "find_helpful",
    "give_back_stock",
    "lock_products",
    "product_snapshots",
    "products_for_sale",
    "products_within",
    "record_approved_reviews",
    "refuse_lacking",
    "reject_review",
    "submit_review",
    "take_stock",
]
