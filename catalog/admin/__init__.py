"""Shelves, products and the moderation of reviews in the admin."""

from catalog.admin import products, reviews, shelves

__all__ = ["products", "reviews", "shelves"]
