from datetime import timedelta

import pytest

from core.contracts import Actor
from orders.facade import move_order
from orders.models import Order, OrderStep
from orders.rules import Status
from orders.services.locking import OrderNotFound
from orders.services.steps import StepNotAllowed
from tests.accounts.factories import make_user
from tests.concurrency import together
from tests.orders.factories import NOON, make_order
from tests.orders.test_rules import ALLOWED

pytestmark = pytest.mark.django_db

LATER = NOON + timedelta(hours=5)
TOPIC = {"paid": "order.paid", "shipped": "order.shipped", "delivered": "order.delivered"} | {
    "cancelled": "order.cancelled"
}
BY_MOVING = {(current, to) for current, to in ALLOWED if "returned" not in to}
EVERY = {(str(current), str(to)) for current in Status for to in Status if current != to}


def picture(order):
    """All that is stored of an order."""
    return Order.objects.filter(pk=order.pk).values().get(), list(order.steps.values().order_by("id"))


@pytest.mark.parametrize(("current", "to"), sorted(BY_MOVING))
def test_an_allowed_step_is_taken_dated_written_down_and_told(told, current, to):
    order, clerk = make_order(status=current), make_user("clerk", is_staff=True)
    before, steps = picture(order)
    heard = len(told())
    moved = move_order(order_id=order.pk, to=to, actor=Actor.of(clerk), at=LATER, reason="so")
    after, steps_after = picture(order)
    assert moved.status == to
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"status", f"{to}_at", "updated_at"}
    assert (after["status"], after[f"{to}_at"]) == (to, LATER)
    assert steps_after[:-1] == steps
    step = order.steps.last()
    assert (step.from_status, step.to_status, step.at) == (current, to, LATER)
    assert (step.actor, step.user_id, step.reason) == ("staff:clerk", clerk.pk, "so")
    expected = [(TOPIC[to], order.pk, order.user_id)] if to in TOPIC else []
    if (current, to) in {("paid", "cancelled"), ("processing", "cancelled")}:
        expected.insert(0, ("order.refund_due", order.pk, order.user_id))
    assert told()[heard:] == expected


@pytest.mark.parametrize(("current", "to"), sorted(EVERY - BY_MOVING))
def test_4_any_other_step_is_409_and_changes_nothing(told, current, to):
    order = make_order(status=current)
    before, heard = picture(order), told()
    with pytest.raises(StepNotAllowed) as refusal:
        move_order(order_id=order.pk, to=to, actor=Actor("x"), at=LATER)
    assert (refusal.value.status, refusal.value.code) == (409, "step_not_allowed")
    assert refusal.value.facts == {"from_status": current, "to_status": to}
    assert picture(order) == before
    assert told() == heard


@pytest.mark.parametrize("status", [str(status) for status in Status])
def test_5_moving_to_where_the_order_is_changes_nothing(told, status):
    order = make_order(status=status)
    before, heard = picture(order), told()
    assert move_order(order_id=order.pk, to=status, actor=Actor("x"), at=LATER).status == status
    assert picture(order) == before
    assert told() == heard


@pytest.mark.parametrize("to", ["lost", "", "PAID"])
def test_an_unknown_status_is_not_a_step(to):
    with pytest.raises(StepNotAllowed):
        move_order(order_id=make_order().pk, to=to, actor=Actor("x"), at=LATER)


def test_an_unknown_order_is_404():
    with pytest.raises(OrderNotFound) as refusal:
        move_order(order_id=1, to="paid", actor=Actor("x"), at=LATER)
    assert refusal.value.status == 404


@pytest.mark.django_db(transaction=True)
def test_5_one_step_taken_many_times_at_once_is_taken_once(told):
    order = make_order(status="shipped")
    together(*[lambda: move_order(order_id=order.pk, to="delivered", actor=Actor("x"), at=LATER)] * 8)
    assert OrderStep.objects.filter(order=order, to_status="delivered").count() == 1
    assert [topic for topic, _, _ in told()].count("order.delivered") == 1


@pytest.mark.django_db(transaction=True)
def test_of_paying_and_cancelling_at_once_the_history_tells_one_story():
    order = make_order()
    together(
        lambda: move_order(order_id=order.pk, to="paid", actor=Actor("x"), at=LATER),
        lambda: move_order(order_id=order.pk, to="cancelled", actor=Actor("x"), at=LATER),
    )
    steps = list(order.steps.values_list("from_status", "to_status").order_by("id"))
    assert steps in (
        [("", "pending"), ("pending", "cancelled")],
        [("", "pending"), ("pending", "paid"), ("paid", "cancelled")],
    )
