from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from orders.contracts import EarningBasis
from orders.facade import (
    earning_bases,
    known_return_references,
    lock_returnable_lines,
    move_order,
    order_ids,
    order_members,
)
from orders.models import Order
from orders.rules import Status
from tests.accounts.factories import make_user
from tests.catalog.factories import make_product
from tests.orders.factories import NOON, SYSTEM, give_back, line, make_order, record

pytestmark = pytest.mark.django_db

D = Decimal
LATER = NOON + timedelta(days=3)


def basis(order):
    (found,) = earning_bases([order.pk])
    return found


@pytest.mark.parametrize(
    ("lines", "pieces", "full", "kept"),
    [
        ([line(1, "100.00", product_id=-1)], {}, "100.00", "100.00"),
        ([line(3, "19.99", product_id=-1)], {1: 1}, "59.97", "39.98"),
        # A third of what does not divide by three: 10 / 3 = 3.333…, 20 / 3 = 6.666….
        ([line(3, "5.00", discount="5.00", product_id=-1)], {1: 2}, "10.00", "3.33"),
        ([line(3, "5.00", discount="5.00", product_id=-1)], {1: 1}, "10.00", "6.67"),
        ([line(3, "5.00", discount="5.00", product_id=-1)], {1: 3}, "10.00", "0.00"),
        # Half a cent goes up: 0.05 × 1/2 = 0.025, 0.15 × 1/2 = 0.075.
        ([line(2, "0.05", discount="0.05", product_id=-1)], {1: 1}, "0.05", "0.03"),
        ([line(2, "0.10", points="0.05", product_id=-1)], {1: 1}, "0.15", "0.08"),
        # Discount and points both come off; what they paid whole counts for nothing.
        ([line(2, "50.00", discount="10.00", points="25.50", product_id=-1)], {}, "64.50", "64.50"),
        ([line(2, "50.00", discount="10.00", points="25.50", product_id=-1)], {1: 1}, "64.50", "32.25"),
        ([line(1, "50.00", discount="20.00", points="30.00", product_id=-1)], {}, "0.00", "0.00"),
        # Each line is rounded by itself: 0.33 + 0.33 + 10.00, and not round(0.666… + 10).
        ([line(3, "0.33", product_id=-1), line(3, "0.33", product_id=-1)], {1: 2, 2: 2}, "1.98", "0.66"),
        (
            [
                line(3, "5.00", discount="14.00", product_id=-1),
                line(3, "5.00", discount="14.00", product_id=-1),
                line(1, "10.00", product_id=-1),
            ],
            {1: 2, 2: 2},
            "12.00",
            "10.66",
        ),
        ([line(7, "9999.99", product_id=-1)], {1: 6}, "69999.93", "9999.99"),
    ],
)
def test_8_what_an_order_earns_on_is_exact(lines, pieces, full, kept):
    product_id = make_product().pk
    lines = [type(one)(product_id, one.qty, one.unit_price, one.discount, one.points_value) for one in lines]
    order = make_order(*lines, status="delivered", shipping="60.00", tax="15.00")
    if pieces:
        give_back(order, pieces)
    found = basis(order)
    assert (str(found.full), str(found.kept)) == (full, kept)


def test_15_shipping_tax_and_points_earn_nothing():
    order = make_order(
        line(2, "50.00", discount="10.00", points="40.00"), status="delivered", shipping="99.00", tax="15.00"
    )
    assert order.total == D("164.00")
    assert basis(order).full == D("50.00")


def test_a_basis_says_whose_when_and_which_returns():
    user = make_user()
    order = make_order(line(5), user=user, number="A-1", shop="partner", status="delivered")
    assert basis(order) == EarningBasis(
        order.pk, user.pk, "partner", "A-1", NOON, D("50.00"), D("50.00"), NOON, ()
    )
    give_back(order, {1: 1}, reference="late", at=LATER)
    give_back(order, {1: 1}, reference="early", at=NOON + timedelta(hours=1))
    give_back(order, {1: 1}, reference="also late", at=LATER)
    assert basis(order) == EarningBasis(
        *(order.pk, user.pk, "partner", "A-1", NOON, D("50.00"), D("20.00"), LATER),
        ("early", "late", "also late"),
    )


def test_an_order_without_lines_earns_on_its_total_until_it_is_returned():
    order = Order.objects.create(
        user=make_user(), status="delivered", delivered_at=NOON, total=D("250.00"), shipping=D("50.00")
    )
    assert (basis(order).full, basis(order).kept) == (D("250.00"), D("250.00"))
    Order.objects.filter(pk=order.pk).update(status="partially_returned")
    assert (basis(order).full, basis(order).kept) == (D("250.00"), D("250.00"))
    Order.objects.filter(pk=order.pk).update(status="returned")
    assert (str(basis(order).full), str(basis(order).kept)) == ("250.00", "0.00")


def test_only_what_was_delivered_earns():
    orders = {str(status): make_order(line(2), status=status) for status in Status}
    found = {one.order_id for one in earning_bases(order.pk for order in orders.values())}
    assert found == {orders[name].pk for name in ("delivered", "partially_returned", "returned")}


def test_bases_come_by_id_each_once_and_without_the_unknown():
    first, second = record([line(1)], [line(2)])
    found = earning_bases([second, first, second, second + 100])
    assert [one.order_id for one in found] == [first, second]
    assert earning_bases([]) == []


def test_a_thousand_orders_cost_one_statement_like_one(django_assert_num_queries):
    product_id = make_product().pk
    ids = record(*[[line(qty, product_id=product_id)] for qty in range(1, 1001)])
    with django_assert_num_queries(1):
        assert earning_bases(ids[:1])[0].full == D("10.00")
    with django_assert_num_queries(1):
        found = earning_bases(ids)
    assert [one.full for one in found] == [D("10.00") * qty for qty in range(1, 1001)]


def test_members_and_ids_of_orders_are_one_query_each(django_assert_num_queries):
    first, second = make_order(number="A"), make_order(number="B")
    make_order(number="A", shop="partner")
    with django_assert_num_queries(1):
        members = order_members([first.pk, second.pk, second.pk + 100])
    assert members == {first.pk: first.user_id, second.pk: second.user_id}
    with django_assert_num_queries(1):
        assert order_ids("markethub", ["A", "B", "C"]) == {"A": first.pk, "B": second.pk}


def test_known_references_are_those_that_some_order_has():
    for _ in range(2):
        give_back(make_order(line(1), status="delivered"), {1: 1}, reference="CN-1")
    assert known_return_references(["CN-1", "CN-2"]) == {"CN-1"}


def test_what_can_come_back_is_found_newest_order_first_and_locked():
    user, mug, cup = make_user(), make_product().pk, make_product().pk

    def bought(*lines, days, owner=user, status="delivered"):
        return make_order(*lines, user=owner, at=NOON + timedelta(days=days), status=status)

    old = bought(line(4, product_id=mug), days=0)
    new = bought(line(1, product_id=cup), line(2, product_id=mug), line(3, product_id=mug), days=2)
    part = bought(line(5, product_id=mug), days=1)
    give_back(part, {1: 3}, reference="earlier")
    gone = bought(line(1, product_id=mug), days=3)
    give_back(gone, {1: 1}, reference="all")
    bought(line(1, product_id=mug), days=4, status="shipped")
    bought(line(1, product_id=mug), days=5, owner=make_user())

    with CaptureQueriesContext(connection) as queries:
        found = lock_returnable_lines([(user.pk, mug), (user.pk, mug), (user.pk, mug + 1000)])
    assert [(one.order_id, one.left) for one in found] == [
        (new.pk, 2),
        (new.pk, 3),
        (part.pk, 2),
        (old.pk, 4),
    ]
    assert found[0].item_id == new.items.get(position=2).pk
    assert {(one.user_id, one.product_id) for one in found} == {(user.pk, mug)}
    assert (found[0].placed_at, found[0].delivered_at) == (new.placed_at, new.delivered_at)
    assert sum("FOR NO KEY UPDATE" in query["sql"] for query in queries) == 1
    assert len(queries) == 5  # SAVEPOINT, orders, lock, lines, RELEASE


def test_moving_a_found_order_on_is_not_hindered_by_the_finder():
    order = make_order(line(2), status="shipped")
    lock_returnable_lines([(order.user_id, order.items.get().product_id)])
    assert move_order(order_id=order.pk, to="delivered", actor=SYSTEM, at=LATER).status == "delivered"
