"""Reads that checkout needs of the catalogue."""

from collections.abc import Iterable

from django.db import connection

from catalog.contracts import ProductForSale
from catalog.models import Product


def products_for_sale(product_ids: Iterable[int]) -> dict[int, ProductForSale]:
    """Return products with their price and stock, by id, in one query; unknown ids are missing.

    A variant is sold as long as its listed product is, too.
    """
    columns = (
        "id",
        "sku",
        "name",
        "price",
        "is_active",
        "variant_of__is_active",
        "stock",
        "stock_is_tracked",
    )
    rows = Product.objects.filter(pk__in=set(product_ids)).values_list(*columns)
    return {
        product_id: ProductForSale(
            product_id, sku, name, price, is_active and listed is not False, stock if tracked else None
        )
        for product_id, sku, name, price, is_active, listed, stock, tracked in rows
    }


def products_within(category_id: int, product_ids: Iterable[int]) -> frozenset[int]:
    """Return those of the products that lie in a category or beneath it, in one query.

    A variant without a category lies where its listed product does.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH RECURSIVE shelf AS (
                SELECT %s::bigint AS id
                UNION
                SELECT categories.id FROM categories JOIN shelf ON categories.parent_id = shelf.id
            )
            SELECT products.id
            FROM products LEFT JOIN products AS listed ON listed.id = products.variant_of_id
            WHERE products.id = ANY(%s)
              AND coalesce(products.category_id, listed.category_id) IN (SELECT id FROM shelf)
            """,
            [category_id, list(product_ids)],
        )
        return frozenset(product_id for (product_id,) in cursor.fetchall())
