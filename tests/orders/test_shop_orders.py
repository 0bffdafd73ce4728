from dataclasses import replace

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from catalog.models import Product
from core.contracts import SYSTEM
from orders.facade import place_order
from orders.models import Order, OrderItem, OrderStep
from orders.rules import Status
from orders.services.shop_new import OrderIncomplete, TimesDisagree
from orders.services.shop_orders import put_orders
from orders.services.shop_updates import OrderFixed, OrderOfAnotherMember
from orders.services.steps import StepNotAllowed
from tests.accounts.factories import make_user
from tests.catalog.factories import make_product
from tests.concurrency import together
from tests.orders.factories import line, priced
from tests.orders.telling import HOUR, KEY, NOW, SHOP, D, give_back, put, sold, told

pytestmark = pytest.mark.django_db


def everything():
    return [
        list(model.objects.values().order_by("id")) for model in (Order, OrderItem, OrderStep, User, Product)
    ]


def lines_of(number="1"):
    items = OrderItem.objects.filter(order__shop=SHOP, order__number=number).order_by("position")
    return list(items.values_list("sku", "name", "qty", "unit_price", "discount"))


def refused(order, error, field, *, at=NOW):
    """Telling this is refused, names the field and changes nothing."""
    was = everything()
    with pytest.raises(error) as refusal:
        put(order, at=at)
    assert list(refusal.value.facts["errors"]) == [field]
    assert everything() == was


# --- new orders --------------------------------------------------------------------------------------------


def test_a_new_order_is_stored_whole(told_topics):
    order = told(
        "1",
        sold("A", 3, "5.55", discount="1.00", name="Mug"),
        sold("B", 1, "2.00"),
        status="delivered",
        shipping="60.00",
        tax="3.00",
        times={"placed_at": NOW - 3 * HOUR, "delivered_at": NOW - HOUR},
        reason="till 4",
    )
    assert put(order).status == "created"
    stored = Order.objects.select_related("user").get()
    assert (stored.shop, stored.number, stored.status, stored.currency) == (SHOP, "1", "delivered", "ZAR")
    assert (stored.user.external_id, stored.user.has_usable_password()) == ("m1", False)
    assert (stored.subtotal, stored.discount, stored.shipping) == (D("18.65"), D("1.00"), D("60.00"))
    assert (stored.tax, stored.total) == (D("3.00"), D("80.65"))
    assert (stored.placed_at, stored.delivered_at, stored.paid_at) == (NOW - 3 * HOUR, NOW - HOUR, None)
    assert lines_of() == [("A", "Mug", 3, D("5.55"), D("1.00")), ("B", "B", 1, D("2.00"), D("0.00"))]
    assert list(OrderStep.objects.values_list("from_status", "to_status", "actor", "reason", "at")) == [
        ("", "delivered", "key:till", "till 4", NOW - HOUR)
    ]
    assert told_topics() == ["order.placed", "order.paid", "order.shipped", "order.delivered"]


@pytest.mark.parametrize(
    ("status", "times", "topics"),
    [
        (None, {"placed_at": NOW}, ["order.placed"]),
        ("paid", {"placed_at": NOW, "paid_at": NOW}, ["order.placed", "order.paid"]),
        ("processing", {"placed_at": NOW, "processing_at": NOW}, ["order.placed", "order.paid"]),
        ("shipped", {"placed_at": NOW, "shipped_at": NOW}, ["order.placed", "order.paid", "order.shipped"]),
        ("cancelled", {"placed_at": NOW, "cancelled_at": NOW}, ["order.placed", "order.cancelled"]),
    ],
)
def test_a_new_order_may_have_any_status_and_its_time_is_now(status, times, topics, told_topics):
    put(told("1", sold(), **({"status": status} if status else {})))
    stored = Order.objects.get()
    assert stored.status == (status or "pending")
    names = ("placed_at", "paid_at", "processing_at", "shipped_at", "delivered_at", "cancelled_at")
    assert {name: getattr(stored, name) for name in names if getattr(stored, name)} == times
    assert told_topics() == topics


def test_an_order_without_lines_has_a_total_and_nothing_else():
    put(told("1", total="99.95", status="delivered"))
    assert Order.objects.values_list("subtotal", "total").get() == (D("0.00"), D("99.95"))
    assert lines_of() == []


def test_a_new_order_needs_a_member_and_money():
    refused(told("1", sold(), member=None), OrderIncomplete, "member")
    refused(told("1"), OrderIncomplete, "total")


def test_goods_of_our_shop_are_the_catalogues_and_those_of_others_are_their_own():
    mug = make_product(sku="A", name="Our mug")
    put(told("1", sold("A")), shop="markethub")
    put(told("1", sold("A", name="Their ant farm")), shop=SHOP)
    ours, theirs = OrderItem.objects.order_by("id").select_related("product")
    assert (ours.product, ours.sku, ours.name) == (mug, "A", "Our mug")
    assert (theirs.product.sku, theirs.sku, theirs.name) == ("corner:A", "A", "Their ant farm")
    assert (theirs.product.is_active, theirs.product.price) == (False, D("10.00"))


def test_numbers_are_unique_within_a_shop_alone():
    assert [put(told("1", sold()), shop=shop).status for shop in ("corner", "corner", "market")] == [
        "created", "unchanged", "created",
    ]  # fmt: skip


# --- times -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "times", "field"),
    [
        ("delivered", {"delivered_at": NOW + HOUR}, "delivered_at"),
        ("pending", {"placed_at": NOW + HOUR}, "placed_at"),
        ("shipped", {"delivered_at": NOW}, "delivered_at"),
        ("pending", {"cancelled_at": NOW}, "cancelled_at"),
        ("delivered", {"cancelled_at": NOW}, "cancelled_at"),
        ("cancelled", {"shipped_at": NOW}, "shipped_at"),
        ("delivered", {"placed_at": NOW, "delivered_at": NOW - HOUR}, "delivered_at"),
        ("delivered", {"paid_at": NOW, "shipped_at": NOW - HOUR}, "shipped_at"),
    ],
)
def test_times_are_past_follow_each_other_and_belong_to_steps_taken(status, times, field):
    refused(told("1", sold(), status=status, times=times), TimesDisagree, field)


def test_a_clock_that_is_a_little_ahead_is_put_back():
    put(told("1", sold(), status="delivered", times={"delivered_at": NOW + HOUR / 20}))
    assert Order.objects.values_list("placed_at", "delivered_at").get() == (NOW, NOW)


# --- orders that are there ---------------------------------------------------------------------------------


def test_5_the_same_order_as_often_as_it_is_sent_is_one(told_topics):
    order = told("1", sold("A", 2), sold("A", 1), status="delivered", times={"placed_at": NOW - HOUR})
    put(order)
    was, heard = everything(), told_topics()
    for at in (NOW, NOW + HOUR):
        assert put(order, at=at).status == "unchanged"
    assert (everything(), told_topics()) == (was, heard)


def test_a_jump_is_one_step_and_tells_of_every_one_it_passed(told_topics):
    put(told("1", sold()))
    later = NOW + 2 * HOUR
    news = told("1", member=None, status="delivered", times={"paid_at": NOW, "delivered_at": NOW + HOUR})
    assert put(news, at=later).status == "updated"
    stored = Order.objects.get()
    assert (stored.status, stored.paid_at, stored.shipped_at) == ("delivered", NOW, None)
    assert stored.delivered_at == NOW + HOUR
    assert list(OrderStep.objects.order_by("id").values_list("from_status", "to_status", "at")) == [
        ("", "pending", NOW),
        ("pending", "delivered", NOW + HOUR),
    ]
    assert told_topics() == ["order.placed", "order.paid", "order.shipped", "order.delivered"]
    assert put(news, at=later).status == "unchanged"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("paid", "pending"),
        ("delivered", "shipped"),
        ("delivered", "cancelled"),
        ("shipped", "cancelled"),
        ("cancelled", "pending"),
        ("cancelled", "delivered"),
    ],
)
def test_an_order_never_goes_back(before, after):
    put(told("1", sold(), status=before))
    refused(told("1", sold(), status=after), StepNotAllowed, "status")


def test_a_returned_order_had_been_delivered():
    order = told("1", sold("A", 2), status="delivered")
    put(order)
    give_back("1", {"A": 1})
    assert put(order).status == "unchanged"
    refused(replace(order, status=Status.SHIPPED), StepNotAllowed, "status")


def test_lines_may_change_until_the_delivery():
    put(told("1", sold("A", 2), sold("B"), status="shipped"))
    changed = told("1", sold("B", 1, "9.00"), sold("C", 1, "1.00"), sold("D", 1, "1.00"), shipping="5.00")
    assert put(changed).status == "updated"
    assert [(sku, qty, price) for sku, _, qty, price, _ in lines_of()] == [
        ("B", 1, D("9.00")), ("C", 1, D("1.00")), ("D", 1, D("1.00")),
    ]  # fmt: skip
    assert Order.objects.values_list("subtotal", "shipping", "total").get() == (
        D("11.00"), D("5.00"), D("16.00"),
    )  # fmt: skip
    delivered = replace(changed, status=Status.DELIVERED)
    assert [put(delivered).status for _ in range(2)] == ["updated", "unchanged"]
    refused(told("1", sold("B", 2, "9.00")), OrderFixed, "lines")
    refused(told("1", sold("B", 1, "9.00"), sold("C", 1, "1.00"), sold("D", 1, "1.00")), OrderFixed, "lines")
    refused(told("1", total="17.00"), OrderFixed, "lines")
    assert put(told("1", total="16.00")).status == "unchanged"


def test_lines_and_delivery_may_come_together():
    put(told("1", total="10.00"))
    assert put(told("1", sold("A", 2), status="delivered")).status == "updated"
    assert (Order.objects.get().status, len(lines_of())) == ("delivered", 1)


def test_a_total_alone_does_not_undo_lines():
    put(told("1", sold()))
    refused(told("1", total="11.00"), OrderFixed, "total")


def test_what_our_checkout_made_can_be_moved_by_the_shop_and_not_repriced():
    user = make_user(external_id="m1")
    place_order(priced=priced(line(2), user=user, number="MH-1", shop=SHOP), actor=SYSTEM, at=NOW)
    refused(told("MH-1", sold("A")), OrderFixed, "lines")
    assert put(told("MH-1", member=None, status="delivered"), at=NOW + HOUR).status == "updated"
    assert Order.objects.values_list("status", "delivered_at").get() == ("delivered", NOW + HOUR)


def test_what_is_cancelled_after_a_jump_over_its_payment_is_due_back_too(told_topics):
    user = make_user(external_id="m1")
    for number in ("MH-1", "MH-2"):
        place_order(priced=priced(line(2), user=user, number=number), actor=SYSTEM, at=NOW)
    put(told("MH-1", member=None, status="processing"), shop="markethub")
    put(told("MH-1", member=None, status="cancelled"), shop="markethub")
    assert told_topics()[2:] == ["order.paid", "order.refund_due", "order.cancelled"]
    put(told("MH-2", member=None, status="cancelled"), shop="markethub")
    assert told_topics()[5:] == ["order.cancelled"]


def test_an_order_stays_its_members():
    put(told("1", sold()))
    make_user(external_id="m2", phone="+27821234567")
    refused(told("1", sold(), member="m2"), OrderOfAnotherMember, "member")
    refused(told("1", sold(), member=None, phone="+27821234567"), OrderOfAnotherMember, "member")


# --- many --------------------------------------------------------------------------------------------------


def test_4_a_bad_order_does_not_hurt_the_others_and_leaves_nothing():
    make_user(phone="+27820000001", external_id="x1")
    put(told("old", sold(), status="delivered"))
    outcomes = put_orders(
        SHOP,
        [
            told("1", sold()),
            told("2", sold("new"), member=None, phone="+27829999999"),
            told("old", sold("other")),
            told("3", sold(), member="nobody", times={"placed_at": NOW + HOUR}),
            told("4", sold(), member="x2", phone="+27820000001"),
            told("1", status="delivered"),
            told("old", sold(), status="delivered"),
            told("2", sold(), member="m7"),
        ],
        actor=KEY,
        at=NOW,
    )
    assert [(one.number, one.status, one.problem and one.problem.code) for one in outcomes] == [
        ("1", "created", None),
        ("2", "refused", "member_unknown"),
        ("old", "refused", "order_fixed"),
        ("3", "refused", "times_disagree"),
        ("4", "refused", "members_disagree"),
        ("1", "updated", None),
        ("old", "unchanged", None),
        ("2", "created", None),
    ]
    assert sorted(Order.objects.values_list("number", "status")) == [
        ("1", "delivered"), ("2", "pending"), ("old", "delivered"),
    ]  # fmt: skip
    assert not User.objects.filter(external_id__in=["nobody", "x2"]).exists()
    assert not Product.objects.filter(sku__in=["corner:new", "corner:other"]).exists()


def test_hundreds_of_orders_cost_as_many_statements_as_one():
    orders = [
        told(f"{n:03}", sold("A", 2), sold(f"S{n}"), member=f"m{n % 90}", status="delivered")
        for n in range(301)
    ]
    counts = []
    for part in (orders[:1], orders[1:], orders[:1], orders[1:]):
        with CaptureQueriesContext(connection) as queries:
            outcomes = put_orders(SHOP, part, actor=KEY, at=NOW)
        counts.append((len(queries), {one.status for one in outcomes}))
    assert counts == [(22, {"created"})] * 2 + [(2, {"unchanged"})] * 2
    assert User.objects.count() == 90


# --- at once -----------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_5_the_same_order_twenty_times_at_once_is_one():
    order = told("1", sold("A", 2), status="delivered")
    results = together(*[lambda: put(order).status] * 20)
    assert sorted(results) == ["created"] + ["unchanged"] * 19
    assert [Order.objects.count(), OrderStep.objects.count(), User.objects.count()] == [1, 1, 1]
    assert len(lines_of()) == 1


@pytest.mark.django_db(transaction=True)
def test_24_batches_of_the_same_orders_in_any_order_wait_and_do_not_deadlock():
    orders = [told(f"{n:03}", sold(f"S{n % 40}"), member=f"m{n % 30}", status="paid") for n in range(120)]
    delivered = [replace(order, status=Status.DELIVERED) for order in orders]
    jobs = [
        lambda step=step, batch=batch: put_orders(SHOP, batch[step:] + batch[:step], actor=KEY, at=NOW)
        for step in (0, 40, 80)
        for batch in (orders, delivered[::-1])
    ]
    results = together(*jobs, timeout=60)
    assert [one for one in results if isinstance(one, Exception)] == []
    problems = {one.problem.code for result in results for one in result if one.problem}
    assert problems <= {"step_not_allowed"}
    assert Order.objects.filter(status="delivered").count() == 120
    assert [OrderItem.objects.count(), User.objects.count(), Product.objects.count()] == [120, 30, 40]
