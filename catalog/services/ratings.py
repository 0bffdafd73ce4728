"""Keeping a product's rating equal to its approved reviews."""

from collections.abc import Iterable

from django.db import connection

from catalog.models import Product


def lock_products(product_ids: Iterable[int]) -> None:
    """Lock products by ascending id: whoever changes what a rating rests on holds its product first."""
    rows = Product.objects.filter(pk__in=set(product_ids)).order_by("pk")
    list(rows.select_for_update(no_key=True).values_list("pk"))


def follow_reviews(product_ids: Iterable[int]) -> None:
    """Recompute the rating of products that the caller has locked, after its last change to their reviews.

    A statement of its own after the lock sees all that earlier holders committed, which a single UPDATE that
    waits for the row would not.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE products SET
                rating_count = approved.number, rating_average = approved.average, updated_at = now()
            FROM (
                SELECT products.id, count(reviews.id) AS number,
                       coalesce(round(avg(reviews.rating), 2), 0) AS average
                FROM products
                LEFT JOIN reviews ON reviews.product_id = products.id AND reviews.status = 'approved'
                WHERE products.id = ANY(%s)
                GROUP BY products.id
            ) AS approved
            WHERE products.id = approved.id
                AND (products.rating_count, products.rating_average) <> (approved.number, approved.average)
            """,
            [sorted(set(product_ids))],
        )
