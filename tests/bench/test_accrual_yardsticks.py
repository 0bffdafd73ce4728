"""The yardsticks of accrual: they earn what the project earns."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection, transaction

from bench.yardstick.accrual import award_points
from bench.yardstick.accrual_statement import ONE_STATEMENT
from orders.contracts import DeliveredOrder, PricedLine
from orders.facade import record_delivered_orders
from rewards.models import PointLot, PointsTransaction, UserPoints
from rewards.services.earning import accrue_orders
from tests.catalog.factories import make_product
from tests.rewards.ledger import day, make_member

pytestmark = pytest.mark.django_db


def delivered_orders():
    """Orders of two members with accounts: at a month's end, near midnight, and too small to earn."""
    members = [make_member() for _ in range(2)]
    UserPoints.objects.bulk_create(UserPoints(user=member) for member in members)
    product = make_product("1.00")
    orders = [
        DeliveredOrder(
            user_id=members[number % 2].pk,
            number=f"Y{number}",
            placed_at=at,
            delivered_at=at,
            shipping=Decimal("50.00"),
            lines=(
                PricedLine(product.pk, 3, Decimal(price), discount=Decimal("1.50")),
                PricedLine(product.pk, 1, Decimal("4.99")),
            ),
        )
        for number, (at, price) in enumerate(
            [
                (day(0), "33.33"),
                (day(0.5) + timedelta(microseconds=123457), "250.00"),
                (day(-2.5), "99.99"),
                (day(-28), "0.60"),
            ]
        )
    ]
    return sorted(record_delivered_orders(orders).values())


def books():
    lines = PointsTransaction.objects.order_by("natural_key").values_list(
        *("user_id", "natural_key", "transaction_type", "points", "lifetime_points", "description"),
        *("effective_at", "order_id", "metadata"),
    )
    lots = PointLot.objects.order_by("transaction__natural_key").values_list(
        *("user_id", "points", "remaining", "earned_at", "matures_at", "expires_at", "matured")
    )
    balances = UserPoints.objects.order_by("user_id").values_list(
        *("user_id", "current_points", "pending_points", "lifetime_points", "debt_points")
    )
    return list(lines), list(lots), list(balances)


def after(work):
    """What the books are after a work that is undone again."""
    with transaction.atomic():
        work()
        found = books()
        transaction.set_rollback(True)
    return found


def test_the_statement_leaves_the_same_lines_lots_and_balances():
    order_ids = delivered_orders()
    ours = after(lambda: accrue_orders(order_ids, at=day(30)))
    theirs = after(lambda: connection.cursor().execute(ONE_STATEMENT))
    assert [len(part) for part in ours] == [3, 3, 2]
    assert theirs == ours


def test_the_task_leaves_the_same_balances_and_earns_the_same():
    order_ids = delivered_orders()
    ours = after(lambda: accrue_orders(order_ids, at=day(30)))
    theirs = after(lambda: [award_points(order_id) for order_id in order_ids[:3]])
    assert theirs[2] == ours[2]
    assert [line[:6] for line in theirs[0]] == [line[:6] for line in ours[0]]
