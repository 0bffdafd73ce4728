"""Reads that checkout needs of the catalogue."""

from collections.abc import Iterable

from django.db import connection

from catalog.contracts import ProductForSale


def products_for_sale(product_ids: Iterable[int]) -> dict[int, ProductForSale]:
    """Return products with their price and stock, by id, in one query; unknown ids are missing.

    A variant is sold as long as its listed product is, too; a listed product with variants on sale is not
    sold itself.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT p.id, p.sku, p.name, p.price,
                   p.is_active AND coalesce(listed.is_active, true) AND NOT EXISTS (
                       SELECT FROM products variant WHERE variant.variant_of_id = p.id AND variant.is_active
                   ),
                   CASE WHEN p.stock_is_tracked THEN p.stock END
            FROM products p LEFT JOIN products listed ON listed.id = p.variant_of_id
            WHERE p.id = ANY(%s)
            """,
            [list(product_ids)],
        )
        return {row[0]: ProductForSale(*row) for row in cursor.fetchall()}


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
