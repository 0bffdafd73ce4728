"""What other apps may call of the catalogue."""

from catalog.selectors import product_snapshots
from catalog.selling import products_for_sale, products_within
from catalog.services.products import ensure_categories, ensure_products
from catalog.services.reviews import (
    approve_review,
    record_approved_reviews,
    reject_review,
    submit_review,
)
from catalog.services.stock import OutOfStock, give_back_stock, refuse_lacking, take_stock

__all__ = [
    "OutOfStock",
    "approve_review",
    "ensure_categories",
    "ensure_products",
    "give_back_stock",
    "product_snapshots",
    "products_for_sale",
    "products_within",
    "record_approved_reviews",
    "refuse_lacking",
    "reject_review",
    "submit_review",
    "take_stock",
]
