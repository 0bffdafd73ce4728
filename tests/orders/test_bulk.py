from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from core.contracts import Actor
from orders.contracts import DeliveredOrder, ReturnRow
from orders.facade import earning_bases, record_delivered_orders, record_returns
from orders.models import Order, OrderItem, OrderReturn, OrderStep
from orders.services.locking import OrderNotFound
from orders.services.placing import UnknownProducts
from orders.services.returns import (
    LineNotInOrder,
    NothingToReturn,
    OrderNotReturnable,
    ReturnBeyondBought,
    ReturnReferenceTaken,
)
from tests.accounts.factories import make_user
from tests.catalog.factories import make_product
from tests.concurrency import together
from tests.orders.factories import NOON, give_back, line, make_order, record

pytestmark = pytest.mark.django_db

D = Decimal
LATER = NOON + timedelta(days=3)


def delivered(number, *lines, user, **fields):
    return DeliveredOrder(
        user_id=user.pk, number=number, placed_at=NOON, delivered_at=LATER, lines=tuple(lines), **fields
    )


def items_of(order_id):
    return list(OrderItem.objects.filter(order_id=order_id).order_by("position"))


def back(order_id, pieces, *, reference="CN-1", at=LATER):
    """A return of pieces by the line's position."""
    ids = {item.position: item.pk for item in items_of(order_id)}
    lines = tuple((ids[position], qty) for position, qty in pieces)
    return ReturnRow(order_id=order_id, reference=reference, lines=lines, at=at, reason="r")


def statuses(ids):
    found = dict(Order.objects.filter(pk__in=ids).values_list("pk", "status"))
    return [found[order_id] for order_id in ids]


def everything():
    return [
        list(model.objects.values().order_by("id")) for model in (Order, OrderItem, OrderStep, OrderReturn)
    ]


# --- delivered orders --------------------------------------------------------------------------------------


def test_a_delivered_order_is_recorded_whole(told):
    user, product = make_user(), make_product(sku='S,"1"', name='Big "mug", blue\nand round')
    order = delivered(
        "A-1",
        line(3, "5.55", discount="1.00", points="0.65", product_id=product.pk),
        line(1, "2.00"),
        user=user,
        shipping=D("60.00"),
        tax=D("3.00"),
        points_used=65,
    )
    made = record_delivered_orders([order], actor=Actor("import"), reason="import of 2026")
    stored = Order.objects.get(shop="markethub", number="A-1")
    assert made == {("markethub", "A-1"): stored.pk}
    assert (stored.user_id, stored.status, stored.currency) == (user.pk, "delivered", "ZAR")
    assert (stored.subtotal, stored.discount, stored.points_value) == (D("18.65"), D("1.00"), D("0.65"))
    assert (stored.shipping, stored.tax, stored.total) == (D("60.00"), D("3.00"), D("80.00"))
    assert (stored.placed_at, stored.paid_at, stored.delivered_at) == (NOON, None, LATER)
    assert stored.points_used == 65
    first, second = items_of(stored.pk)
    assert (first.position, first.sku, first.name, first.qty) == (1, product.sku, product.name, 3)
    assert (first.unit_price, first.line_total, first.returned_qty) == (D("5.55"), D("16.65"), 0)
    assert (first.discount, first.points_value, second.position) == (D("1.00"), D("0.65"), 2)
    step = stored.steps.get()
    assert (step.from_status, step.to_status, step.actor) == ("", "delivered", "import")
    assert (step.at, step.reason) == (LATER, "import of 2026")
    assert told() == [("order.delivered", stored.pk, user.pk)]
    assert earning_bases([stored.pk])[0].full == D("17.00")


def test_5_orders_that_are_there_are_left_out_and_stay_as_they_are(told):
    user = make_user()
    one, two = delivered("A-1", line(1), user=user), delivered("A-2", line(2), user=user)
    first = record_delivered_orders([one])
    assert record_delivered_orders([one]) == {}
    changed = replace(one, lines=(line(9),), delivered_at=NOON)
    second = record_delivered_orders([changed, two, replace(two, lines=(line(7),))])
    assert list(second) == [("markethub", "A-2")]
    assert [item.qty for item in items_of(first["markethub", "A-1"])] == [1]
    assert [item.qty for item in items_of(second["markethub", "A-2"])] == [2]
    assert (OrderStep.objects.count(), len(told())) == (2, 2)


def test_two_shops_may_use_one_number():
    user = make_user()
    made = record_delivered_orders(
        [delivered("A-1", line(1), user=user), delivered("A-1", line(1), user=user, shop="partner")]
    )
    assert set(made) == {("markethub", "A-1"), ("partner", "A-1")}


def test_no_orders_cost_nothing(told):
    assert record_delivered_orders([]) == {}
    assert told() == []


def test_a_thousand_orders_cost_as_many_statements_as_one(told):
    user, product_id = make_user(), make_product().pk
    counts = []
    for numbers in (range(1), range(1, 1001)):
        rows = [delivered(str(n), line(1, product_id=product_id), user=user) for n in numbers]
        with CaptureQueriesContext(connection) as queries:
            assert len(record_delivered_orders(rows)) == len(rows)
        counts.append(len(queries))
        print([q["sql"][:90] for q in queries])
    assert counts == [7, 7]  # SAVEPOINT, orders, products, lines, steps, messages, RELEASE


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"user_id": 10**9}, IntegrityError),
        ({"lines": (line(1, product_id=10**9),)}, UnknownProducts),
        ({"lines": (line(0, product_id=-1),)}, IntegrityError),
        ({"lines": (line(1, "10.00", discount="11.00", product_id=-1),)}, IntegrityError),
    ],
)
def test_4_one_bad_order_keeps_all_of_them_out(told, changed, error):
    user, product_id = make_user(), make_product().pk
    good = delivered("A-1", line(1, product_id=product_id), user=user)
    if lines := changed.get("lines"):
        known = (replace(one, product_id=product_id) if one.product_id < 0 else one for one in lines)
        changed = {"lines": tuple(known)}

    def import_both():
        with transaction.atomic(), connection.cursor() as cursor:
            record_delivered_orders([good, replace(good, number="A-2", **changed)])
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # as the commit does

    with pytest.raises(error):
        import_both()
    assert (Order.objects.count(), OrderItem.objects.count(), told()) == (0, 0, [])


@pytest.mark.django_db(transaction=True)
def test_5_two_imports_at_once_record_each_order_once(told):
    user, product_id = make_user(), make_product().pk
    rows = [delivered(f"{n:04}", line(2, product_id=product_id), user=user) for n in range(300)]
    first, second = together(
        lambda: record_delivered_orders(rows), lambda: record_delivered_orders(rows[::-1])
    )
    assert len(first) + len(second) == 300
    assert (Order.objects.count(), OrderItem.objects.count(), len(told())) == (300, 300, 300)


# --- returns -----------------------------------------------------------------------------------------------


def test_many_returns_are_applied_at_once(told):
    ids = record([line(3), line(2)], [line(5)], [line(1)])
    heard = len(told())
    rows = [
        back(ids[0], [(1, 2), (2, 1)], reference="CN-1"),
        back(ids[0], [(1, 1), (2, 1)], reference="CN-2", at=LATER + timedelta(days=1)),
        back(ids[1], [(1, 1), (1, 1)], reference="CN-2"),
    ]
    assert record_returns(rows, actor=Actor("import")) == 3
    assert statuses(ids) == ["returned", "partially_returned", "delivered"]
    assert [[item.returned_qty for item in items_of(one)] for one in ids] == [[3, 2], [2], [0]]
    lines = OrderReturn.objects.order_by("id").values_list("order_id", "reference", "lines__qty", "actor")
    assert list(lines.order_by("id", "lines__id")) == [
        (ids[0], "CN-1", 2, "import"),
        (ids[0], "CN-1", 1, "import"),
        (ids[0], "CN-2", 1, "import"),
        (ids[0], "CN-2", 1, "import"),
        (ids[1], "CN-2", 2, "import"),
    ]
    steps = OrderStep.objects.filter(from_status="delivered").order_by("order_id")
    assert list(steps.values_list("order_id", "to_status", "at")) == [
        (ids[0], "returned", LATER + timedelta(days=1)),
        (ids[1], "partially_returned", LATER),
    ]
    assert [(topic, order) for topic, order, _ in told()[heard:]] == [
        ("order.returned", ids[0]),
        ("order.returned", ids[1]),
    ]


def test_5_returns_that_are_there_are_left_out(told):
    first, second = record([line(3)], [line(3)])
    row = back(first, [(1, 1)])
    assert record_returns([row, row]) == 1
    was, heard = everything(), told()
    assert record_returns([row]) == 0
    assert (everything(), told()) == (was, heard)
    assert record_returns([row, back(second, [(1, 1)])]) == 1
    assert [items_of(one)[0].returned_qty for one in (first, second)] == [1, 1]


def test_a_return_made_by_hand_and_one_of_the_file_add_up():
    (order_id,) = record([line(3)])
    give_back(Order.objects.get(pk=order_id), {1: 1}, reference="by hand")
    record_returns([back(order_id, [(1, 1)])])
    assert (items_of(order_id)[0].returned_qty, statuses([order_id])) == (2, ["partially_returned"])
    assert OrderStep.objects.filter(order_id=order_id).count() == 2
    record_returns([back(order_id, [(1, 1)], reference="CN-2")])
    assert statuses([order_id]) == ["returned"]


def test_4_one_bad_return_keeps_all_of_them_out(told):
    first, second = record([line(3)], [line(3)])
    unshipped = make_order(line(2), status="shipped").pk
    record_returns([back(second, [(1, 1)], reference="known")])
    good = back(first, [(1, 1)])
    cases = [
        (back(second, [(1, 3)]), ReturnBeyondBought),
        (back(second, [(1, 1), (1, 2)]), ReturnBeyondBought),
        (back(first, [(1, 3)], reference="CN-2"), ReturnBeyondBought),
        (back(first, [(1, 2)]), ReturnReferenceTaken),
        (back(second, [(1, 2)], reference="known"), ReturnReferenceTaken),
        (back(second, [(1, 0)]), NothingToReturn),
        (back(second, []), NothingToReturn),
        (back(unshipped, [(1, 1)]), OrderNotReturnable),
        (replace(back(first, [(1, 1)]), order_id=second, reference="x"), LineNotInOrder),
        (replace(good, order_id=10**9), OrderNotFound),
    ]
    was, heard = everything(), told()
    for bad, error in cases:
        with pytest.raises(error):
            record_returns([good, bad])
        assert (everything(), told()) == (was, heard)


def test_hundreds_of_returns_cost_as_many_statements_as_one():
    user, product_id = make_user(), make_product().pk
    ids = record(*[[line(2, product_id=product_id)] for _ in range(301)], user=user)
    rows = [back(order_id, [(1, 1)]) for order_id in ids]
    counts = []
    for part in (rows[:1], rows[1:]):
        with CaptureQueriesContext(connection) as queries:
            assert record_returns(part) == len(part)
        counts.append(len(queries))
    assert counts[0] == counts[1]


@pytest.mark.django_db(transaction=True)
def test_7_a_file_and_a_clerk_at_once_never_take_back_more_than_was_bought():
    first, second = record([line(2)], [line(2)])
    ways = [[first, second], [second, first]]
    jobs = [
        lambda n=n: record_returns(
            [back(one, [(1, 1)], reference=f"CN-{n}") for one in ways[n % 2]], actor=Actor("import")
        )
        for n in range(3)
    ]
    jobs += [
        lambda n=n: give_back(Order.objects.get(pk=ways[n % 2][0]), {1: 1}, reference=f"H-{n}")
        for n in range(3)
    ]
    results = together(*jobs)
    refused = [one for one in results if isinstance(one, Exception)]
    assert all(isinstance(one, OrderNotReturnable | ReturnBeyondBought) for one in refused), refused
    for order_id in (first, second):
        taken = sum(
            qty or 0
            for qty in OrderReturn.objects.filter(order_id=order_id).values_list("lines__qty", flat=True)
        )
        assert items_of(order_id)[0].returned_qty == taken <= 2
