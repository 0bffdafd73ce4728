"""Taking goods from stock and giving them back; products whose stock nobody counts are left alone."""

from collections.abc import Mapping
from typing import Any

from django.db import connection

from core.errors import DomainError


class OutOfStock(DomainError):
    """Some products have less than is wanted; `lacking` says of each what is wanted and left."""

    code, status, title = "out_of_stock", 409, "Not enough in stock"


def take_stock(pieces: Mapping[int, int]) -> frozenset[int]:
    """Take pieces of products (id → how many), all or none; return the ids of those that are counted.

    One statement, which locks the products in the order of their ids and takes only if each has enough.

    Raises:
        OutOfStock: some have less; the fact `lacking` names them.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH wanted AS (
                SELECT products.id, products.stock, asked.qty
                FROM products
                JOIN unnest(%s::bigint[], %s::int[]) AS asked (product_id, qty)
                  ON asked.product_id = products.id
                WHERE products.stock_is_tracked
                ORDER BY products.id FOR NO KEY UPDATE OF products
            ), taken AS (
                UPDATE products SET stock = products.stock - wanted.qty, updated_at = now()
                FROM wanted
                WHERE products.id = wanted.id
                  AND NOT EXISTS (SELECT FROM wanted AS lacking WHERE lacking.stock < lacking.qty)
            )
            SELECT id, qty, stock FROM wanted
            """,
            [list(pieces.keys()), list(pieces.values())],
        )
        counted = cursor.fetchall()
    refuse_lacking([(product_id, qty, stock) for product_id, qty, stock in counted])
    return frozenset(product_id for product_id, _, _ in counted)


def refuse_lacking(wanted: list[tuple[int, int, int]]) -> None:
    """Refuse where (product id, wanted, left) wants more than is left.

    Raises:
        OutOfStock: naming all of them.
    """
    lacking: list[dict[str, Any]] = [
        {"product_id": product_id, "wanted": qty, "left": left}
        for product_id, qty, left in wanted
        if left < qty
    ]
    if lacking:
        raise OutOfStock(lacking=lacking)


def give_back_stock(pieces: Mapping[int, int]) -> None:
    """Put pieces back that `take_stock` took (id → how many), locking in the order of ids; one statement."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH back AS (
                SELECT products.id, given.qty
                FROM products
                JOIN unnest(%s::bigint[], %s::int[]) AS given (product_id, qty)
                  ON given.product_id = products.id
                ORDER BY products.id FOR NO KEY UPDATE OF products
            )
            UPDATE products SET stock = products.stock + back.qty, updated_at = now()
            FROM back WHERE products.id = back.id
            """,
            [list(pieces.keys()), list(pieces.values())],
        )
