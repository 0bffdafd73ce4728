from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction

from core.contracts import SYSTEM, Actor
from orders.facade import place_order
from orders.models import Order, OrderItem, OrderStep
from orders.services.placing import BadLine, EmptyOrder, OrderNumberTaken, SumsDisagree, UnknownProducts
from tests.accounts.factories import make_user
from tests.catalog.factories import make_product
from tests.concurrency import together
from tests.orders.factories import NOON, line, make_order, priced

pytestmark = pytest.mark.django_db

D = Decimal


def place(order, *, at=NOON, actor=SYSTEM):
    return place_order(priced=order, actor=actor, at=at)


def assert_nothing_placed(told):
    assert (Order.objects.count(), OrderItem.objects.count(), OrderStep.objects.count()) == (0, 0, 0)
    assert told() == []


def test_an_order_keeps_its_sums_its_snapshots_and_its_first_step(told):
    user, product = make_user(), make_product(sku="MUG", name="Mug")
    order = place(
        priced(
            line(3, "19.99", discount="5.00", points="10.00", product_id=product.pk),
            line(1, "0.00"),
            user=user,
            number="A-1",
            shipping="60.00",
            tax="14.25",
            points_used=100,
            voucher_code="SPRING",
            voucher_discount=D("5.00"),
        ),
        actor=Actor("member:7", user.pk),
    )
    order.refresh_from_db()
    assert (order.shop, order.number, order.user_id, order.status) == ("markethub", "A-1", user.pk, "pending")
    assert (order.subtotal, order.discount, order.points_value) == (D("59.97"), D("5.00"), D("10.00"))
    assert (order.shipping, order.tax, order.total) == (D("60.00"), D("14.25"), D("119.22"))
    assert (order.voucher_code, order.voucher_discount, order.points_used) == ("SPRING", D("5.00"), 100)
    assert (order.placed_at, order.paid_at, order.delivered_at) == (NOON, None, None)
    first, second = order.items.all()
    assert (first.position, first.sku, first.name, first.qty) == (1, "MUG", "Mug", 3)
    assert (first.unit_price, first.line_total) == (D("19.99"), D("59.97"))
    assert (first.discount, first.points_value, first.returned_qty) == (D("5.00"), D("10.00"), 0)
    assert (second.position, second.line_total) == (2, D("0.00"))
    step = order.steps.get()
    assert (step.from_status, step.to_status, step.actor, step.user_id) == (
        "",
        "pending",
        "member:7",
        user.pk,
    )
    assert step.at == NOON
    assert told() == [("order.placed", order.pk, user.pk)]


def test_a_snapshot_stays_when_the_product_changes():
    product = make_product(sku="MUG", name="Mug")
    order = make_order(line(product_id=product.pk))
    product.sku, product.name = "CUP", "Cup"
    product.save(update_fields=["sku", "name", "updated_at"])
    item = order.items.get()
    assert (item.sku, item.name) == ("MUG", "Mug")


@pytest.mark.parametrize("field", ["subtotal", "discount", "points_value", "total"])
@pytest.mark.parametrize("by", ["0.01", "-0.01"])
def test_18_sums_that_are_a_cent_out_are_refused_by_name(told, field, by):
    order = priced(line(2, "10.00", discount="1.00", points="1.00"), shipping="5.00", tax="2.00")
    right = getattr(order, field)
    with pytest.raises(SumsDisagree) as refusal:
        place(replace(order, **{field: right + D(by)}))
    assert refusal.value.facts == {"field": field, "given": str(right + D(by)), "computed": str(right)}
    assert_nothing_placed(told)


@pytest.mark.parametrize(
    "fields",
    [
        {"shipping": D("-1.00"), "total": D("19.00")},
        {"tax": D("-1.00"), "total": D("19.00")},
        {"voucher_discount": D("0.01")},
        {"voucher_discount": D("-0.01")},
        {"shipping": D("10000000000.00"), "total": D("10000000020.00")},
    ],
    ids=str,
)
def test_amounts_out_of_range_are_refused(told, fields):
    with pytest.raises(SumsDisagree):
        place(replace(priced(line(2, "10.00")), **fields))
    assert_nothing_placed(told)


@pytest.mark.parametrize(
    "changed",
    [
        {"qty": 0},
        {"qty": -1},
        {"qty": 2**31},
        {"unit_price": D("-0.01")},
        {"unit_price": D("0.005")},
        {"unit_price": D("10000000000.00")},
        {"discount": D("-0.01")},
        {"points_value": D("-0.01")},
        {"discount": D("20.01")},
        {"discount": D("10.00"), "points_value": D("10.01")},
        {"unit_price": D("9999999999.00")},
    ],
    ids=str,
)
def test_18_a_line_out_of_range_is_refused_by_its_number(told, changed):
    bad = replace(line(2, "10.00"), **changed)
    with pytest.raises(BadLine) as refusal:
        place(priced(line(), bad))
    assert refusal.value.facts == {"line": 2}
    assert_nothing_placed(told)


def test_an_order_without_lines_is_refused(told):
    with pytest.raises(EmptyOrder):
        place(replace(priced(line()), lines=()))
    assert_nothing_placed(told)


def test_unknown_products_are_refused_by_id(told):
    known = make_product().pk
    with pytest.raises(UnknownProducts) as refusal:
        place(priced(line(product_id=known + 2), line(product_id=known), line(product_id=known + 1)))
    assert refusal.value.facts == {"product_ids": [known + 1, known + 2]}
    assert_nothing_placed(told)


def test_5_the_same_order_again_is_the_one_that_is_there(told):
    order = priced(line(2), line(1, "3.00"), number="A-1")
    first, second = place(order), place(order, at=NOON + timedelta(days=1))
    assert second.pk == first.pk
    assert second.placed_at == NOON
    assert (Order.objects.count(), OrderItem.objects.count(), len(told())) == (1, 2, 1)


@pytest.mark.parametrize("what", ["member", "lines", "shipping"])
def test_a_number_that_names_another_order_is_refused(told, what):
    user = make_user()
    order = priced(line(2), user=user, number="A-1")
    place(order)
    other = {
        "member": replace(order, user_id=make_user().pk),
        "lines": priced(line(1), line(1), user=user, number="A-1"),
        "shipping": replace(order, shipping=D("1.00"), total=order.total + 1),
    }[what]
    with pytest.raises(OrderNumberTaken) as refusal:
        place(other)
    assert refusal.value.status == 409
    assert (Order.objects.count(), OrderItem.objects.count(), len(told())) == (1, 1, 1)


def test_two_shops_may_use_one_number():
    place(priced(number="A-1"))
    place(priced(number="A-1", shop="partner"))
    assert Order.objects.filter(number="A-1").count() == 2


@pytest.mark.django_db(transaction=True)
def test_5_one_order_placed_many_times_at_once_is_one_order(told):
    order = priced(line(2), number="A-1")
    placed = together(*[lambda: place(order)] * 6)
    assert len({one.pk for one in placed}) == 1
    assert (Order.objects.count(), OrderItem.objects.count(), len(told())) == (1, 1, 1)


# --- what the database itself refuses ----------------------------------------------------------------------

_ORDER = {"subtotal": D("10.00"), "total": D("10.00")}


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"status": "lost"}, "orders_status_known"),
        ({"total": D("9.99")}, "orders_total_with_tax_adds_up"),
        ({"tax": D("1.50")}, "orders_total_with_tax_adds_up"),
        ({"total": D("-1.00"), "subtotal": 0}, "orders_money_not_negative"),
        ({"discount": D("-1.00"), "total": D("11.00")}, "orders_money_not_negative"),
        ({"voucher_discount": D("1.00")}, "orders_voucher_within_discount"),
        ({"number": ""}, "orders_named"),
        ({"status": "delivered"}, "orders_delivered_has_time"),
        ({"status": "cancelled"}, "orders_cancelled_has_time"),
        ({"number": "taken"}, "orders_shop_number"),
    ],
)
def test_a_bad_order_is_refused_by_the_database(fields, constraint):
    make_order(number="taken")
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        Order.objects.bulk_create([Order(user=make_user(), **(_ORDER | fields))])


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"qty": 0}, "order_items_qty_positive"),
        ({"returned_qty": 3}, "order_items_returned_within_bought"),
        ({"unit_price": D("-1.00")}, "order_items_money_not_negative"),
        ({"discount": D("-1.00")}, "order_items_money_not_negative"),
        ({"discount": D("10.00"), "points_value": D("10.01")}, "order_items_net_not_negative"),
        ({"position": 1}, "order_items_position"),
    ],
)
def test_a_bad_line_is_refused_by_the_database(fields, constraint):
    order = make_order(line())
    good = {"position": 2, "sku": "S", "name": "N", "qty": 2, "unit_price": D("10.00")}
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        OrderItem.objects.create(order=order, product=make_product(), **(good | fields))


def test_an_order_known_only_by_its_total_is_kept_and_gets_its_time():
    order = Order.objects.create(user=make_user(), status="delivered", total=D("250.00"), tax=D("32.61"))
    assert order.delivered_at is not None
    assert order.number.startswith("MH-")
    assert order.total == D("250.00")
