"""Orders that a shop tells of for the first time, many at once: a fixed number of statements for any number.

Members, then products, then orders by number: everybody makes rows in this order, so that two batches wait
for each other and do not deadlock.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db import connection, transaction

from accounts.contracts import MemberClaim
from accounts.facade import identify_members
from catalog.contracts import ProductRow
from catalog.facade import ensure_products, product_snapshots
from core import outbox
from core.contracts import Actor
from core.errors import DomainError
from orders.contracts import ORDER_PLACED, ZERO
from orders.rules import Status
from orders.services.item_copy import copy_items
from orders.services.steps import TOPICS
from orders.shop_rules import TIMES, ShopLine, ShopOrder, filled_times, statuses_passed, wrong_times
from orders.shop_selectors import catalogue_sku


class OrderIncomplete(DomainError):
    """A new order has a member, and lines or a total."""

    code, status, title = "order_incomplete", 400, "The order is not complete"


class TimesDisagree(DomainError):
    """A time is in the future, belongs to a step not taken, or comes before an earlier step."""

    code, status, title = "times_disagree", 400, "The times of the order do not agree"


@transaction.atomic
def make_orders(
    shop: str, orders: Sequence[ShopOrder], *, actor: Actor, at: datetime
) -> dict[str, int | DomainError]:
    """Store a shop's new orders of different numbers; return by number the order's id, or why there is none.

    A number that somebody else took meanwhile is missing. Publishes every topic that an order passed on the
    way to its status.
    """
    answers: dict[str, int | DomainError] = {}
    sound = []
    for order in sorted(orders, key=lambda order: order.number):
        refusal = _unsound(order, at)
        if refusal is None:
            sound.append(order)
        else:
            answers[order.number] = refusal
    claims = [MemberClaim(external_id=o.external_id, phone=o.phone, email=o.email) for o in sound]
    members: dict[str, int] = {}
    for order, member in zip(sound, identify_members(claims, actor=actor, at=at), strict=True):
        if isinstance(member, int):
            members[order.number] = member
        else:
            answers[order.number] = member
    good = [order for order in sound if order.number in members]
    if not good:
        return answers
    products = ensure_line_products(shop, [line for order in good for line in order.lines or ()])
    made = _insert(shop, good, members, at)
    new = {made[order.number]: order for order in good if order.number in made}
    write_lines(shop, {order_id: order.lines or () for order_id, order in new.items()}, products)
    _insert_steps(new, actor=actor)
    _publish({order_id: (order, members[order.number]) for order_id, order in new.items()})
    return answers | made


def _unsound(order: ShopOrder, at: datetime) -> DomainError | None:
    missing = {"member": order.names_member, "total": order.sums is not None}
    if not all(missing.values()):
        return OrderIncomplete(
            errors={name: ["A new order needs it."] for name, given in missing.items() if not given}
        )
    if wrong := dict(wrong_times(order.status or Status.PENDING, order.times, now=at)):
        return TimesDisagree(errors={name: [message] for name, message in wrong.items()})
    return None


def ensure_line_products(shop: str, lines: Sequence[ShopLine]) -> dict[str, int]:
    """Return the product ids of lines, by the shop's SKU; unknown ones are made, off the lists."""
    ids = ensure_products(
        ProductRow(catalogue_sku(shop, line.sku), line.name or line.sku, line.unit_price, is_active=False)
        for line in lines
    )
    return {line.sku: ids[catalogue_sku(shop, line.sku)] for line in lines}


def write_lines(shop: str, lines: Mapping[int, Sequence[ShopLine]], products: Mapping[str, int]) -> None:
    """Store the lines of orders (by order id), under the shop's own SKUs and names."""
    names = product_snapshots(products.values())
    copy_items(
        (
            *(order_id, position, products[line.sku], line.sku, line.name or names[products[line.sku]].name),
            *(line.qty, line.unit_price, line.discount, ZERO),
        )
        for order_id, sold in lines.items()
        for position, line in enumerate(sold, start=1)
    )


def _insert(
    shop: str, orders: Sequence[ShopOrder], members: Mapping[str, int], at: datetime
) -> dict[str, int]:
    columns = []
    for order in orders:
        assert order.sums is not None
        status = order.status or Status.PENDING
        times = filled_times(order.times, status, now=at)
        sums = order.sums
        columns.append(
            (
                *(order.number, members[order.number], status.value),
                *(sums.subtotal, sums.discount, sums.shipping, sums.tax, sums.total),
                *(times.get(name) for name in TIMES),
            )
        )
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO orders (shop, number, user_id, status, subtotal, discount, shipping, tax, total,
                                placed_at, paid_at, processing_at, shipped_at, delivered_at, cancelled_at,
                                currency, voucher_code, voucher_discount, points_used, points_value,
                                created_at, updated_at)
            SELECT %s, given.*, 'ZAR', '', 0, 0, 0, now(), now()
            FROM unnest(%s::text[], %s::bigint[], %s::text[], %s::numeric[], %s::numeric[], %s::numeric[],
                        %s::numeric[], %s::numeric[], %s::timestamptz[], %s::timestamptz[], %s::timestamptz[],
                        %s::timestamptz[], %s::timestamptz[], %s::timestamptz[]) AS given
            ON CONFLICT (shop, number) DO NOTHING
            RETURNING number, id
            """,
            [shop, *(list(column) for column in zip(*columns, strict=True))],
        )
        return dict(cursor.fetchall())


def _insert_steps(orders: Mapping[int, ShopOrder], *, actor: Actor) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO order_steps (order_id, from_status, to_status, actor, user_id, reason, at, created_at)
            SELECT orders.id, '', status, %s, %s, given.reason,
                   CASE status WHEN 'pending' THEN placed_at WHEN 'paid' THEN paid_at
                               WHEN 'processing' THEN processing_at WHEN 'shipped' THEN shipped_at
                               WHEN 'delivered' THEN delivered_at ELSE cancelled_at END,
                   now()
            FROM unnest(%s::bigint[], %s::text[]) AS given (id, reason) JOIN orders ON orders.id = given.id
            ORDER BY orders.id
            """,
            [actor.label, actor.user_id, list(orders), [order.reason for order in orders.values()]],
        )


def _publish(orders: Mapping[int, tuple[ShopOrder, int]]) -> None:
    told: dict[str, list[dict[str, int]]] = {}
    for order_id, (order, user_id) in orders.items():
        for topic in topics_passed(None, order.status or Status.PENDING):
            told.setdefault(topic, []).append({"order_id": order_id, "user_id": user_id})
    for topic, payloads in told.items():
        outbox.publish_many(topic, payloads)


def topics_passed(current: Status | None, told: Status) -> list[str]:
    """Return what is to be published of an order that goes on to a status, in the order of its way."""
    topics: Mapping[str, str] = {Status.PENDING: ORDER_PLACED, **TOPICS}
    return [topics[status] for status in statuses_passed(current, told) if status in topics]
