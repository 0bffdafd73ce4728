"""Rows of the catalogue: shelves and products, and what members say of them."""

from catalog.models.products import Brand, Category, Product, ProductImage, ProductSearch
from catalog.models.reviews import Review, ReviewImage, ReviewReport, ReviewStatus, ReviewVote

__all__ = [
    "Brand",
    "Category",
    "Product",
    "ProductImage",
    "ProductSearch",
    "Review",
    "ReviewImage",
    "ReviewReport",
    "ReviewStatus",
    "ReviewVote",
]
