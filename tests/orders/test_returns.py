from datetime import timedelta
from decimal import Decimal

import pytest

from core.contracts import SYSTEM, Actor
from orders.facade import return_lines, return_rest
from orders.models import Order, OrderItem, OrderReturn
from orders.rules import Status
from orders.services.locking import OrderNotFound
from orders.services.returns import (
    LineNotInOrder,
    NothingToReturn,
    OrderNotReturnable,
    ReturnBeyondBought,
    ReturnReferenceTaken,
)
from tests.accounts.factories import make_user
from tests.concurrency import together
from tests.orders.factories import NOON, give_back, line, make_order

pytestmark = pytest.mark.django_db

LATER = NOON + timedelta(days=3)


def picture(order):
    """All that is stored of an order and its returns."""
    return (
        Order.objects.filter(pk=order.pk).values().get(),
        list(order.items.values().order_by("id")),
        list(order.steps.values().order_by("id")),
        list(order.returns.values("id", "reference", "lines__item_id", "lines__qty").order_by("id")),
    )


def returned(order):
    return list(order.items.order_by("position").values_list("returned_qty", flat=True))


def item_ids(order):
    return list(order.items.order_by("position").values_list("pk", flat=True))


def status(order):
    return Order.objects.values_list("status", flat=True).get(pk=order.pk)


def test_pieces_come_back_until_nothing_is_left(told):
    order = make_order(line(3), line(2), status="delivered")
    clerk = make_user("clerk", is_staff=True)
    first, _ = item_ids(order)
    heard = len(told())

    made = return_lines(
        order_id=order.pk,
        reference="CN-1",
        lines={first: 2},
        actor=Actor.of(clerk),
        at=LATER,
        reason="broken",
    )
    assert (made.reference, made.at, made.actor, made.user_id) == ("CN-1", LATER, "staff:clerk", clerk.pk)
    assert made.reason == "broken"
    assert list(made.lines.values_list("item_id", "qty")) == [(first, 2)]
    assert (returned(order), status(order)) == ([2, 0], "partially_returned")

    give_back(order, {2: 1}, reference="CN-2", at=LATER)
    assert (returned(order), status(order)) == ([2, 1], "partially_returned")

    give_back(order, {1: 1, 2: 1}, reference="CN-3", at=LATER)
    assert (returned(order), status(order)) == ([3, 2], "returned")

    topics = ["order.returned", "order.refund_due"] * 3
    assert told()[heard:] == [(topic, order.pk, order.user_id) for topic in topics]
    steps = order.steps.order_by("id").values_list("from_status", "to_status", "at")[5:]
    assert list(steps) == [
        ("delivered", "partially_returned", LATER),
        ("partially_returned", "returned", LATER),
    ]


@pytest.mark.parametrize(
    ("before", "asked", "left"), [(0, 4, 3), (1, 3, 2), (2, 2, 1), (2, 2**31, 1)], ids=str
)
def test_7_more_than_is_left_is_refused_and_nothing_comes_back(told, before, asked, left):
    order = make_order(line(3), line(5), status="delivered")
    if before:
        give_back(order, {1: before}, reference="earlier")
    first, second = item_ids(order)
    was, heard = picture(order), told()
    with pytest.raises(ReturnBeyondBought) as refusal:
        return_lines(
            order_id=order.pk, reference="CN", lines={second: 1, first: asked}, actor=SYSTEM, at=LATER
        )
    assert (refusal.value.status, refusal.value.facts) == (409, {"item_id": first, "left": left})
    assert picture(order) == was
    assert told() == heard


def test_5_the_same_return_again_is_the_one_that_is_there(told):
    order = make_order(line(3), status="delivered")
    give_back(order, {1: 2}, reference="CN-1", at=NOON)
    was, heard = picture(order), told()
    give_back(order, {1: 2}, reference="CN-1", at=LATER)
    assert picture(order) == was
    assert told() == heard


def test_5_a_return_is_repeatable_after_all_came_back():
    order = make_order(line(1), status="delivered")
    for _ in range(2):
        give_back(order, {1: 1})
    assert (returned(order), order.returns.count()) == ([1], 1)


@pytest.mark.parametrize("other", [{1: 1}, {1: 2, 2: 1}, {2: 2}])
def test_a_reference_of_other_lines_is_refused(told, other):
    order = make_order(line(3), line(3), status="delivered")
    give_back(order, {1: 2}, reference="CN-1")
    was, heard = picture(order), told()
    with pytest.raises(ReturnReferenceTaken) as refusal:
        give_back(order, other, reference="CN-1")
    assert refusal.value.status == 409
    assert (picture(order), told()) == (was, heard)


def test_two_orders_may_have_one_reference():
    orders = [make_order(line(1), status="delivered") for _ in range(2)]
    for order in orders:
        give_back(order, {1: 1}, reference="CN-1")
    assert [status(order) for order in orders] == ["returned", "returned"]


@pytest.mark.parametrize(
    "current", [str(one) for one in Status if one not in (Status.DELIVERED, Status.PARTIALLY_RETURNED)]
)
def test_what_has_not_arrived_or_is_back_already_cannot_come_back(told, current):
    order = make_order(line(3), status=current)
    was, heard = picture(order), told()
    with pytest.raises(OrderNotReturnable) as refusal:
        give_back(order, {1: 1}, reference="late")
    assert refusal.value.facts == {"from_status": current}
    with pytest.raises(OrderNotReturnable):
        return_rest(order_id=order.pk, reference="late", actor=SYSTEM, at=LATER)
    assert (picture(order), told()) == (was, heard)


@pytest.mark.parametrize("pieces", [{}, {1: 0}, {1: -1}, {1: 1, 2: 0}])
def test_no_pieces_are_no_return(pieces):
    order = make_order(line(3), line(3), status="delivered")
    was = picture(order)
    with pytest.raises(NothingToReturn):
        give_back(order, pieces)
    assert picture(order) == was


def test_a_line_of_another_order_is_refused():
    order, other = make_order(line(3), status="delivered"), make_order(line(3), status="delivered")
    with pytest.raises(LineNotInOrder):
        return_lines(order_id=order.pk, reference="CN", lines={item_ids(other)[0]: 1}, actor=SYSTEM, at=LATER)
    assert (returned(order), returned(other)) == ([0], [0])


def test_an_unknown_order_is_404():
    with pytest.raises(OrderNotFound):
        return_lines(order_id=1, reference="CN", lines={1: 1}, actor=SYSTEM, at=LATER)


def test_the_rest_comes_back_at_once(told):
    order = make_order(line(3), line(2), line(1), status="delivered")
    give_back(order, {1: 1, 2: 2}, reference="CN-1")
    for _ in range(2):
        rest = return_rest(order_id=order.pk, reference="rest", actor=SYSTEM, at=LATER)
    first, _, third = item_ids(order)
    assert list(rest.lines.values_list("item_id", "qty")) == [(first, 2), (third, 1)]
    assert (returned(order), status(order)) == ([3, 2, 1], "returned")
    assert [topic for topic, _, _ in told()].count("order.returned") == 2


def test_an_order_known_only_by_its_total_comes_back_whole():
    order = Order.objects.create(user=make_user(), status="delivered", total=Decimal("250.00"))
    with pytest.raises(NothingToReturn):
        return_lines(order_id=order.pk, reference="CN", lines={}, actor=SYSTEM, at=LATER)
    return_rest(order_id=order.pk, reference="CN", actor=SYSTEM, at=LATER)
    assert status(order) == "returned"


@pytest.mark.django_db(transaction=True)
def test_7_two_returns_of_the_last_piece_at_once_take_it_once(told):
    order = make_order(line(3), status="delivered")
    give_back(order, {1: 2}, reference="earlier")
    results = together(
        *[lambda number=number: give_back(order, {1: 1}, reference=f"CN-{number}") for number in range(6)]
    )
    lost = [result for result in results if result is not None]
    assert len(lost) == 5
    assert all(isinstance(error, OrderNotReturnable | ReturnBeyondBought) for error in lost)
    assert (returned(order), status(order)) == ([3], "returned")
    assert OrderReturn.objects.filter(order=order).count() == 2
    assert [topic for topic, _, _ in told()].count("order.returned") == 2


@pytest.mark.django_db(transaction=True)
def test_5_one_return_sent_many_times_at_once_is_one_return(told):
    order = make_order(line(9), status="delivered")
    assert together(*[lambda: give_back(order, {1: 2})] * 6) == [None] * 6
    assert (returned(order), order.returns.count()) == ([2], 1)
    assert [topic for topic, _, _ in told()].count("order.returned") == 1


@pytest.mark.django_db(transaction=True)
def test_24_returns_of_the_same_orders_in_other_orders_do_not_deadlock():
    orders = [make_order(line(50), status="delivered") for _ in range(4)]

    def every(way, name):
        for order in way:
            give_back(order, {1: 1}, reference=name)

    results = together(*[lambda n=n: every(orders[:: (-1) ** n], f"CN-{n}") for n in range(6)])
    assert results == [None] * 6
    assert set(OrderItem.objects.values_list("returned_qty", flat=True)) == {6}
