import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core import outbox
from core.contracts import Actor
from core.models import AuditEntry, OutboxMessage
from orders.models import Order, OrderItem, OrderReturn, OrderStep
from orders.rules import Status
from orders.services.returns import (
    LineNotInOrder,
    OrderNotReturnable,
    ReturnBeyondBought,
    ReturnReferenceTaken,
)
from orders.services.shop_waiting import apply_waiting_returns, retry_waiting_returns
from orders.services.steps import move_order
from orders.shop_models import WaitingReturn
from tests.concurrency import together
from tests.orders.telling import HOUR, NOW, SHOP, give_back, put, sold, told

pytestmark = pytest.mark.django_db

CLERK = Actor("staff:zanele")


def everything():
    models = (Order, OrderItem, OrderStep, OrderReturn, WaitingReturn)
    return [list(model.objects.values().order_by("id")) for model in models]


def refused(error, field, *args, **kwargs):
    was = everything()
    with pytest.raises(error) as refusal:
        give_back(*args, **kwargs)
    if field:
        assert list(refusal.value.facts["errors"]) == [field]
    assert everything() == was


def returned(number="1"):
    items = OrderItem.objects.filter(order__shop=SHOP, order__number=number).order_by("position")
    return [item.returned_qty for item in items]


def deliver(*lines, number="1", at=NOW):
    put(told(number, *(lines or (sold("A", 3), sold("B", 1))), status="delivered"), at=at)


def test_a_return_of_a_delivered_order_is_applied_at_once():
    deliver()
    taken = give_back("1", {"A": 2}, at=NOW)
    assert (taken.is_new, taken.applied.reference, taken.applied.actor) == (True, "R1", "key:till")
    assert (returned(), Order.objects.get().status) == ([2, 0], "partially_returned")
    give_back("1", {"1": 1, "B": 1}, return_id="R2")
    assert (returned(), Order.objects.get().status) == ([3, 1], "returned")


def test_5_the_same_return_again_is_the_one_that_is_there():
    deliver(sold("A", 2), sold("A", 2))
    give_back("1", {"A": 3})
    was = everything()
    assert give_back("1", {"A": 3}).is_new is False
    assert give_back("1", {"1": 2, "2": 1}).is_new is False
    assert give_back("1", None).is_new is False
    assert everything() == was
    for pieces in ({"A": 2}, {"A": 4}, {"1": 3}, {"1": 1, "2": 2}, {"X": 3}):
        refused(ReturnReferenceTaken, None, "1", pieces)


def test_pieces_of_one_sku_come_from_its_lines_in_their_order():
    deliver(sold("A", 2), sold("B", 1), sold("A", 2))
    give_back("1", {"A": 3})
    assert returned() == [2, 0, 1]
    refused(ReturnBeyondBought, "lines.0.qty", "1", {"A": 2}, return_id="R2")
    give_back("1", None, return_id="R2")
    assert returned() == [2, 1, 2]


def test_7_what_the_order_does_not_have_does_not_come_back():
    deliver()
    refused(LineNotInOrder, "lines.0.sku", "1", {"C": 1})
    refused(LineNotInOrder, "lines.0.position", "1", {"3": 1})
    refused(ReturnBeyondBought, "lines.1.qty", "1", {"B": 1, "A": 4})
    refused(ReturnBeyondBought, "lines.1.qty", "1", {"1": 3, "A": 1})
    put(told("2", sold(), status="cancelled"))
    refused(OrderNotReturnable, None, "2", {"A": 1})


def test_an_order_without_lines_comes_back_whole():
    put(told("1", total="99.95", status="delivered"))
    give_back("1", None)
    assert Order.objects.get().status == "returned"


def test_a_return_counts_from_the_delivery_at_the_earliest():
    deliver(at=NOW)
    assert give_back("1", {"A": 1}, at=NOW - HOUR).applied.at == NOW


# --- before the order --------------------------------------------------------------------------------------


def test_25_a_return_before_its_order_waits_for_it():
    assert give_back("1", {"A": 2}, at=NOW - HOUR).applied is None
    assert outbox.drain(5)
    assert WaitingReturn.objects.get().error == ""
    put(told("1", sold("A", 3), status="shipped"))
    assert outbox.drain(5)
    assert returned() == [0]
    put(told("1", status="delivered"), at=NOW + HOUR)
    assert outbox.drain(5)
    assert (returned(), Order.objects.get().status) == ([2], "partially_returned")
    made = OrderReturn.objects.get()
    assert (made.reference, made.actor, made.at) == ("R1", "key:till", NOW + HOUR)
    assert not WaitingReturn.objects.exists()
    assert give_back("1", {"A": 2}).is_new is False


def test_25_whoever_delivers_the_order_its_returns_come_after():
    put(told("1", sold("A", 3), status="shipped"))
    give_back("1", {"A": 1})
    give_back("1", None, return_id="R2")
    move_order(order_id=Order.objects.get().pk, to="delivered", actor=CLERK, at=NOW)
    assert outbox.drain(5)
    assert (returned(), OrderReturn.objects.count(), WaitingReturn.objects.count()) == ([3], 2, 0)


def test_5_a_waiting_return_waits_once():
    assert [give_back("1", {"A": 2}).is_new for _ in range(2)] == [True, False]
    refused(ReturnReferenceTaken, None, "1", {"A": 3})
    assert WaitingReturn.objects.count() == 1
    assert OutboxMessage.objects.filter(topic="return.waiting").count() == 1


def test_another_shops_order_of_that_number_is_another_order():
    put(told("1", sold("A", 3), status="delivered"), shop="market")
    assert give_back("1", {"A": 2}).applied is None
    assert outbox.drain(5)
    assert (OrderReturn.objects.count(), WaitingReturn.objects.count()) == (0, 1)


def test_a_waiting_return_that_is_impossible_keeps_the_reason_and_spoils_no_other():
    give_back("1", {"A": 9}, return_id="R1")
    give_back("1", {"A": 1}, return_id="R2")
    give_back("2", {"A": 1})
    deliver(number="1")
    put(told("2", sold(), status="cancelled"))
    assert outbox.drain(5)
    assert returned() == [1, 0]
    stuck = WaitingReturn.objects.order_by("number").values_list("number", "return_id", "error")
    assert list(stuck) == [
        ("1", "R1", "return_beyond_bought: 9 asked, 3 left."),
        ("2", "R1", "order_not_returnable: An order that is cancelled cannot be returned."),
    ]


def test_an_impossible_return_can_be_tried_again():
    give_back("1", {"A": 9})
    deliver()
    assert outbox.drain(5)
    row = WaitingReturn.objects.get()
    assert retry_waiting_returns([row.pk], actor=CLERK) == 1
    assert list(AuditEntry.objects.values_list("actor", "action", "before__error")) == [
        ("staff:zanele", "waiting_return.retry", row.error)
    ]
    assert outbox.drain(5)
    assert WaitingReturn.objects.get().error == row.error
    assert retry_waiting_returns([row.pk + 1], actor=CLERK) == 0


def test_the_messages_of_many_orders_cost_as_many_statements_as_one():
    for n in range(30):
        deliver(number=str(n))
    ids = list(Order.objects.values_list("pk", flat=True))
    counts = []
    for part in (ids[:1], ids):
        with CaptureQueriesContext(connection) as queries:
            assert apply_waiting_returns(order_ids=part, at=NOW) == 0
        counts.append(len(queries))
    assert counts == [1, 1]


# --- at once -----------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_25_an_order_and_its_return_at_once_end_the_same():
    numbers = [str(n) for n in range(12)]
    results = together(
        *[lambda number=number: deliver(number=number) for number in numbers],
        *[lambda number=number: give_back(number, {"A": 2}) for number in numbers],
        lambda: outbox.deliver("orders.waiting_returns"),
    )
    assert [one for one in results if isinstance(one, Exception)] == []
    assert outbox.drain(10)
    assert [returned(number) for number in numbers] == [[2, 0]] * 12
    assert (OrderReturn.objects.count(), WaitingReturn.objects.count()) == (12, 0)


@pytest.mark.django_db(transaction=True)
def test_7_twenty_returns_of_the_last_piece_take_it_back_once():
    deliver(sold("A", 1))
    results = together(*[lambda n=n: give_back("1", {"A": 1}, return_id=f"R{n}").is_new for n in range(20)])
    assert sum(one is True for one in results) == 1
    assert sum(isinstance(one, OrderNotReturnable) for one in results) == 19
    assert returned() == [1]


@pytest.mark.django_db(transaction=True)
def test_5_one_return_twenty_times_at_once_is_one_before_and_after_the_delivery():
    results = together(*[lambda: give_back("1", {"A": 1}).is_new for _ in range(20)])
    assert sorted(results) == [False] * 19 + [True]
    deliver()
    assert outbox.drain(5)
    results = together(*[lambda: give_back("1", {"A": 1}).is_new for _ in range(20)])
    assert results == [False] * 20
    assert (returned(), Order.objects.get().status) == ([1, 0], Status.PARTIALLY_RETURNED)
