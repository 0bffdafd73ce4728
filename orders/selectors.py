"""Reads of orders: for their members, and for other apps."""

from collections.abc import Collection, Iterable

from django.db import connection
from django.db.models import F, QuerySet

from core.arrays import bigints
from core.errors import NotFound
from orders.checkout_models import CheckoutSettings, ReturnRequest
from orders.contracts import EarningBasis
from orders.models import Order, OrderItem, OrderReturn
from orders.rules import Status


def shops() -> list[str]:
    """Return the names of the shops that have orders, stepping through their index from one to the next."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH RECURSIVE step AS (
                SELECT min(shop) AS shop FROM orders
                UNION ALL
                SELECT (SELECT min(o.shop) FROM orders o WHERE o.shop > step.shop)
                FROM step WHERE shop IS NOT NULL
            )
            SELECT shop FROM step WHERE shop IS NOT NULL
            """
        )
        return [shop for (shop,) in cursor.fetchall()]


def earning_bases(order_ids: Iterable[int]) -> list[EarningBasis]:
    """Return what each delivered order may earn on, by ascending id; the others are left out. One statement.

    A line counts for what was paid for it in money, without tax: its total less discount and points, and less
    its share of the tax where prices hold it. Of what came back, a proportional part is gone, rounded half up
    per line, so a line all of which came back counts for nothing.
    An order without lines counts for its total, until it is returned.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT orders.id, orders.user_id, orders.shop, orders.number, orders.delivered_at,
                   coalesce(line.whole, orders.total),
                   coalesce(line.kept, CASE orders.status WHEN 'returned' THEN 0.00 ELSE orders.total END),
                   coalesce(back.last_at, orders.delivered_at),
                   coalesce(back.reference_list, '{}')
            FROM orders
            LEFT JOIN LATERAL (
                SELECT sum(net) AS whole, sum(round(net * (qty - returned_qty) / qty, 2)) AS kept
                FROM (
                    SELECT qty, returned_qty,
                           line_total - discount - points_value
                               - CASE WHEN orders.tax_included THEN tax ELSE 0.00 END AS net
                    FROM order_items WHERE order_id = orders.id
                ) AS priced
            ) AS line ON true
            LEFT JOIN LATERAL (
                SELECT max(at) AS last_at, array_agg(reference ORDER BY at, id) AS reference_list
                FROM order_returns WHERE order_id = orders.id
            ) AS back ON true
            WHERE orders.id = ANY(%s::bigint[])
              AND orders.delivered_at IS NOT NULL AND orders.status <> 'cancelled'
            ORDER BY orders.id
            """,
            [bigints(order_ids)],
        )
        return [
            EarningBasis(
                order_id, user_id, shop, number, delivered_at, full, kept, changed_at, tuple(references)
            )
            for order_id, user_id, shop, number, delivered_at, full, kept, changed_at, references in cursor
        ]


def order_members(order_ids: Iterable[int]) -> dict[int, int]:
    """Return the user id of each order, by order id; unknown orders are missing. One query."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, user_id FROM orders WHERE id = ANY(%s::bigint[])", [bigints(order_ids)])
        return dict(cursor.fetchall())


def order_ids(shop: str, numbers: Iterable[str]) -> dict[str, int]:
    """Return the ids of a shop's orders, by number; unknown numbers are missing. One query."""
    return dict(Order.objects.filter(shop=shop, number__in=set(numbers)).values_list("number", "id"))


def known_return_references(references: Iterable[str]) -> set[str]:
    """Return those of the references that some order has a return under. One query."""
    found = OrderReturn.objects.filter(reference__in=set(references)).values_list("reference", flat=True)
    return set(found.distinct())


def checkout_settings() -> CheckoutSettings:
    """Return the shop's terms as they are now, never from a cache: a change counts at once."""
    return CheckoutSettings.objects.get()


def member_orders(user_id: int, *, status: str | None = None) -> QuerySet[Order]:
    """Return a member's orders, in every shop; optionally those in one status."""
    mine = Order.objects.filter(user_id=user_id)
    return mine if status is None else mine.filter(status=status)


def member_order(user_id: int, order_id: int) -> Order:
    """Return one of a member's orders with its lines, steps and returns; six queries.

    Raises:
        NotFound: there is no such order, or it is another member's.
    """
    found = (
        Order.objects.filter(user_id=user_id, pk=order_id)
        .prefetch_related("items", "steps", "returns__lines__item")
        .first()
    )
    if found is None:
        raise NotFound("There is no such order.")
    return found


def member_return_requests(user_id: int, *, order_id: int | None = None) -> QuerySet[ReturnRequest]:
    """Return what a member asked to send back, with the lines."""
    mine = ReturnRequest.objects.filter(order__user_id=user_id).prefetch_related("lines__item", "pictures")
    return mine if order_id is None else mine.filter(order_id=order_id)


def has_received(*, user_id: int, product_ids: Collection[int]) -> bool:
    """Say whether a member was delivered any of these products and it did not all come back. One query."""
    kept = OrderItem.objects.filter(
        order__user_id=user_id,
        order__delivered_at__isnull=False,
        product_id__in=product_ids,
        returned_qty__lt=F("qty"),
    )
    return kept.exclude(order__status=Status.CANCELLED.value).exists()
