"""Finding what can still come back, and keeping it so until it has."""

from collections.abc import Iterable

from django.db import connection, transaction

from orders.contracts import ReturnableLine
from orders.services.locking import lock_orders

_RETURNABLE = """
    FROM unnest(%s::bigint[], %s::bigint[]) AS wanted (user_id, product_id)
    JOIN orders ON orders.user_id = wanted.user_id AND orders.status IN ('delivered', 'partially_returned')
    JOIN order_items AS item ON item.order_id = orders.id AND item.product_id = wanted.product_id
                            AND item.returned_qty < item.qty
    WHERE true
"""


def lock_returnable_lines(pairs: Iterable[tuple[int, int]]) -> list[ReturnableLine]:
    """Lock the orders in which members bought products, and return the lines with something left to return.

    `pairs` are (user id, product id). Newest order first, then by position; the locks hold what is returned
    true until the caller's transaction ends. Three statements for any number of pairs.
    """
    wanted = sorted(set(pairs))
    lookup = [[user_id for user_id, _ in wanted], [product_id for _, product_id in wanted]]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SELECT DISTINCT orders.id {_RETURNABLE}", lookup)
        locked = lock_orders(order_id for (order_id,) in cursor.fetchall())
        cursor.execute(
            f"""
            SELECT item.id, orders.id, orders.user_id, item.product_id, orders.placed_at, orders.delivered_at,
                   item.qty - item.returned_qty
            {_RETURNABLE} AND orders.id = ANY(%s)
            ORDER BY orders.placed_at DESC, orders.id DESC, item.position
            """,
            [*lookup, list(locked)],
        )
        return [ReturnableLine(*row) for row in cursor.fetchall()]
