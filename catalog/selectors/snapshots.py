"""Reads of the catalogue."""

from collections.abc import Iterable

from catalog.contracts import ProductSnapshot
from catalog.models import Product


def product_snapshots(product_ids: Iterable[int]) -> dict[int, ProductSnapshot]:
    """Return what an order line keeps of each product, by id, in one query; unknown ids are missing."""
    found = Product.objects.filter(pk__in=set(product_ids)).values_list("id", "sku", "name")
    return {product_id: ProductSnapshot(product_id, sku, name) for product_id, sku, name in found}
