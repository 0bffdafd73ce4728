"""Delivered orders of the past, many at once: what an import or a demonstration shop brings.

A fixed number of statements for any number of orders, in the caller's transaction.
"""

from collections.abc import Iterable, Mapping, Sequence

from django.db import connection, transaction

from catalog.facade import product_snapshots
from core import outbox
from core.contracts import SYSTEM, Actor
from orders.contracts import ORDER_DELIVERED, ZERO, DeliveredOrder
from orders.rules import order_total
from orders.services.item_copy import copy_items
from orders.services.placing import UnknownProducts


@transaction.atomic
def record_delivered_orders(
    orders: Iterable[DeliveredOrder], *, actor: Actor = SYSTEM, reason: str = ""
) -> dict[tuple[str, str], int]:
    """Store delivered orders with their lines; return (shop, number) → order id of those that are new.

    An order whose shop and number are taken is left out; of equals in `orders` the first stays. Subtotal,
    discount, points value and total are computed from the lines. The history gets one row, the delivery.
    `order.delivered` is published for the new ones.

    Raises:
        UnknownProducts: a line's product does not exist.
        IntegrityError: a member does not exist, or a quantity or amount breaks its constraint.
    """
    by_key: dict[tuple[str, str], DeliveredOrder] = {}
    for order in orders:
        by_key.setdefault((order.shop, order.number), order)
    # One order for everybody, so that two imports of the same orders wait and do not deadlock.
    made = _insert_orders([by_key[key] for key in sorted(by_key)])
    new = {order_id: by_key[key] for key, order_id in made.items()}
    if not new:
        return {}
    _copy_items(new)
    _insert_delivery_steps(list(new), actor=actor, reason=reason)
    outbox.publish_many(
        ORDER_DELIVERED, [{"order_id": order_id, "user_id": order.user_id} for order_id, order in new.items()]
    )
    return made


def _insert_orders(orders: Sequence[DeliveredOrder]) -> dict[tuple[str, str], int]:
    columns: list[tuple[object, ...]] = []
    for order in orders:
        subtotal = sum((line.line_total for line in order.lines), ZERO)
        discount = sum((line.discount for line in order.lines), ZERO)
        points_value = sum((line.points_value for line in order.lines), ZERO)
        total = order_total(
            subtotal=subtotal,
            discount=discount,
            points_value=points_value,
            shipping=order.shipping,
            tax=order.tax,
        )
        columns.append(
            (
                *(
                    order.shop,
                    order.number,
                    order.user_id,
                    subtotal,
                    discount,
                    order.shipping,
                    order.tax,
                    total,
                ),
                *(order.points_used, points_value, order.placed_at, order.delivered_at),
            )
        )
    if not columns:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO orders (shop, number, user_id, subtotal, discount, shipping, tax, total, points_used,
                                points_value, placed_at, delivered_at, status, currency, voucher_code,
                                voucher_discount, created_at, updated_at)
            SELECT given.*, 'delivered', 'ZAR', '', 0, now(), now()
            FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::numeric[], %s::numeric[], %s::numeric[],
                        %s::numeric[], %s::numeric[], %s::int[], %s::numeric[], %s::timestamptz[],
                        %s::timestamptz[]) AS given
            ON CONFLICT (shop, number) DO NOTHING
            RETURNING shop, number, id
            """,
            [list(column) for column in zip(*columns, strict=True)],
        )
        return {(shop, number): order_id for shop, number, order_id in cursor.fetchall()}


def _copy_items(orders: Mapping[int, DeliveredOrder]) -> None:
    wanted = {line.product_id for order in orders.values() for line in order.lines}
    products = product_snapshots(wanted)
    if unknown := sorted(wanted - products.keys()):
        raise UnknownProducts(product_ids=unknown)
    copy_items(
        (
            *(order_id, position, line.product_id, products[line.product_id].sku),
            *(products[line.product_id].name, line.qty, line.unit_price, line.discount, line.points_value),
        )
        for order_id, order in orders.items()
        for position, line in enumerate(order.lines, start=1)
    )


def _insert_delivery_steps(order_ids: Sequence[int], *, actor: Actor, reason: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO order_steps (order_id, from_status, to_status, actor, user_id, reason, at, created_at)
            SELECT id, '', 'delivered', %s, %s, %s, delivered_at, now()
            FROM orders WHERE id = ANY(%s) ORDER BY id
            """,
            [actor.label, actor.user_id, reason, list(order_ids)],
        )
