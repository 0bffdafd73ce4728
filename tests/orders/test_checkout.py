"""Quoting, ordering, paying and letting go, through the services."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog.models import Category, Product
from catalog.services.stock import OutOfStock
from core.contracts import SYSTEM, Actor
from core.models import OutboxMessage
from orders.contracts import ORDER_REFUND_DUE, ReturnRow
from orders.models import Order, OrderReturn
from orders.selectors import earning_bases
from orders.services.baskets import (
    BelowMinimum,
    ProductsNotForSale,
    TooManyPieces,
    VoucherTakesNothingOff,
)
from orders.services.bulk_returns import record_returns
from orders.services.cancelling import TooLateToCancel, cancel_own_order, cancel_unpaid
from orders.services.payment import PaidAlready, WrongAmount, pay_order
from orders.services.placing import EmptyOrder, UnknownProducts
from orders.services.quoting import QuoteChanged, QuoteExpired, QuoteInvalid
from orders.services.returns import return_lines
from orders.services.steps import PaymentTooLate, StepNotAllowed, move_order
from rewards.models import PointsTransaction, UserVoucher
from rewards.services.checkout import PointsNotAccepted, TooFewPoints, UnknownVoucher
from rewards.services.redemption import InsufficientPoints
from rewards.services.vouchers import VoucherNotAvailable
from tests.catalog.factories import make_product, make_variant
from tests.orders.factories import line, make_order
from tests.orders.shop import (
    AT,
    D,
    assert_clean_books,
    balance,
    fresh,
    member,
    order,
    order_quoted,
    programme,
    quote,
    stocked,
    terms,
    voucher,
)
from tests.rewards.ledger import deliver_order

pytestmark = pytest.mark.django_db

LATER = AT + timedelta(minutes=5)
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def plain_terms(db):
    terms()


def pay(made, at=LATER, **how):
    return pay_order(order_id=made.order.pk, actor=SYSTEM, at=at, **how)


def cancel(user, made, at=LATER):
    return cancel_own_order(user_id=user.pk, order_id=made.order.pk, actor=Actor.of(user), at=at)


def deliver(made, at=LATER):
    for to in ("paid", "processing", "shipped", "delivered"):
        move_order(order_id=made.order.pk, to=to, actor=SYSTEM, at=at)


def give_back(made, pieces, reference, at=LATER):
    ids = dict(made.order.items.values_list("position", "pk"))
    return return_lines(
        order_id=made.order.pk,
        reference=reference,
        lines={ids[position]: qty for position, qty in pieces.items()},
        actor=SYSTEM,
        at=at,
    )


def picture():
    """Everything that a refusal must leave as it is."""
    return [
        Order.objects.count(),
        list(Product.objects.order_by("pk").values_list("stock", flat=True)),
        list(UserVoucher.objects.order_by("pk").values_list("status", "order")),
        PointsTransaction.objects.count(),
    ]


# --- quoting and ordering ----------------------------------------------------------------------------------


def test_an_order_costs_what_was_quoted_line_by_line():
    terms(shipping_fee=D("60.00"), vat_rate=D("15.00"))
    user = member(points=500)
    mug, hat = stocked(5, "19.99"), make_product("100.00")
    code = voucher(user, "25.00")
    quoted = quote(user, (mug, 2), (hat, 1), (mug, 1), code=code, points=300)
    price = quoted.basket.price
    assert [(line.product_id, line.qty) for line in price.lines] == [(mug.pk, 3), (hat.pk, 1)]
    assert (price.subtotal, price.discount, price.points_value) == (D("159.97"), D("25.00"), D("30.00"))
    assert (price.shipping, price.total) == (D("60.00"), D("164.97"))

    made = order_quoted(user, quoted.token)
    stored = fresh(made)
    for name in ("subtotal", "discount", "voucher_discount", "points_value", "shipping", "tax", "total"):
        assert getattr(stored, name) == getattr(price, name), name
    assert (stored.points_used, stored.voucher_code, stored.tax_included) == (300, code, True)
    assert (stored.status, stored.pay_by) == ("pending", AT + timedelta(minutes=30))
    rows = stored.items.order_by("position").values_list(
        "product_id", "qty", "discount", "points_value", "tax"
    )
    assert list(rows) == [
        (line.product_id, line.qty, line.discount, line.points_value, line.tax) for line in price.lines
    ]
    assert list(stored.items.order_by("position").values_list("stock_taken", flat=True)) == [True, False]
    mug.refresh_from_db()
    assert (mug.stock, balance(user)) == (2, 200)
    assert UserVoucher.objects.get().status == "reserved"
    spend = PointsTransaction.objects.get(transaction_type="redeemed")
    assert (spend.natural_key, spend.points, spend.order_id) == (f"order:{stored.pk}:spend", -300, stored.pk)
    assert_clean_books()


def test_a_quote_is_ordered_once():
    user, mug = member(), make_product()
    token = quote(user, (mug, 1)).token
    first = order_quoted(user, token)
    assert order_quoted(user, token).order.pk == first.order.pk
    late = AT + timedelta(days=3)  # long after the token, and the idempotent answer, are gone
    assert order_quoted(user, token, at=late).order.pk == first.order.pk
    assert Order.objects.count() == 1


def test_6_one_key_orders_once_for_ever():
    user, mug = member(), make_product()
    first = order(user, (mug, 1), key="tap")
    assert order(user, (mug, 2), key="tap", at=AT + timedelta(days=400)).order.pk == first.order.pk
    assert order(user, (mug, 1), key="again").order.pk != first.order.pk
    assert order(member(), (mug, 1), key="tap").order.pk != first.order.pk


def test_a_changed_price_is_refused_and_named():
    user, mug = member(), make_product("10.00")
    token = quote(user, (mug, 3)).token
    Product.objects.filter(pk=mug.pk).update(price=D("11.00"))
    was = picture()
    with pytest.raises(QuoteChanged) as refusal:
        order_quoted(user, token)
    assert refusal.value.facts["changes"] == [
        {"field": "subtotal", "was": "30.00", "now": "33.00"},
        {"field": "total", "was": "30.00", "now": "33.00"},
        {"field": "lines.0.unit_price", "was": "10.00", "now": "11.00"},
    ]
    assert picture() == was


def test_changed_terms_change_a_quote_too():
    user, mug = member(), make_product("10.00")
    token = quote(user, (mug, 1)).token
    terms(shipping_fee=D("5.00"))
    with pytest.raises(QuoteChanged) as refusal:
        order_quoted(user, token)
    assert [change["field"] for change in refusal.value.facts["changes"]] == ["shipping", "total"]


def test_a_quote_holds_until_its_minute_and_no_longer():
    user, mug = member(), make_product()
    token = quote(user, (mug, 1)).token
    with pytest.raises(QuoteExpired):
        order_quoted(user, token, at=AT + 15 * MINUTE)
    assert order_quoted(user, token, at=AT + 15 * MINUTE - timedelta(seconds=1)).order.pk


def test_a_forged_quote_and_another_members_are_not_valid():
    user, mug = member(), make_product()
    token = quote(user, (mug, 1)).token
    for forged in ("", "x", token + "x", token[1:], token.replace(":", ".")):
        with pytest.raises(QuoteInvalid):
            order_quoted(user, forged)
    with pytest.raises(QuoteInvalid):
        order_quoted(member(), token)


def test_a_voucher_that_expires_between_quote_and_order_is_refused():
    user, mug = member(), make_product("50.00")
    code = voucher(user, until=AT + 10 * MINUTE)
    token = quote(user, (mug, 1), code=code).token
    was = picture()
    with pytest.raises(VoucherNotAvailable) as refusal:
        order_quoted(user, token, at=AT + 10 * MINUTE)
    assert refusal.value.facts["reason"] == "expired"
    assert picture() == was


def test_a_voucher_is_good_until_just_before_its_time():
    user, mug = member(), make_product("50.00")
    code = voucher(user, until=AT + 10 * MINUTE)
    token = quote(user, (mug, 1), code=code).token
    assert order_quoted(user, token, at=AT + 10 * MINUTE - timedelta(seconds=1)).order.total == D("40.00")


def test_points_spent_between_quote_and_order_are_missed():
    user, mug = member(points=300), make_product("50.00")
    token = quote(user, (mug, 1), points=300).token
    order(user, (mug, 1), points=100)
    was = picture()
    with pytest.raises(InsufficientPoints) as refusal:
        order_quoted(user, token)
    assert (refusal.value.facts["field"], refusal.value.facts["current_points"]) == ("points", 200)
    assert picture() == was


def test_a_quote_takes_no_more_points_than_needed_and_holds_without_the_rest():
    user, mug = member(points=1000), make_product("50.00")
    programme(minimum_points=600)
    token = quote(user, (mug, 1), points=900).token
    order(user, (make_product("60.00"), 1), points=600)
    assert balance(user) == 400
    programme(minimum_points=600)
    with pytest.raises(InsufficientPoints):
        order_quoted(user, token)
    programme(minimum_points=0)
    cheap = quote(user, (make_product("10.00"), 1), points=400).token
    programme(minimum_points=300)
    made = order_quoted(user, cheap)
    assert (made.order.points_used, made.order.status, balance(user)) == (100, "paid", 300)


def test_a_zero_total_is_paid_at_once():
    user, mug = member(points=100), make_product("20.00")
    code = voucher(user)
    made = order(user, (mug, 1), code=code, points=100)
    stored = fresh(made)
    assert (stored.total, stored.status, stored.paid_at, stored.pay_by) == (D("0.00"), "paid", AT, None)
    assert UserVoucher.objects.get().status == "used"
    assert [step.to_status for step in stored.steps.order_by("id")] == ["pending", "paid"]
    cancel(user, made)
    assert (balance(user), UserVoucher.objects.get().status) == (100, "available")
    assert_clean_books()


@pytest.mark.parametrize("kind", ["free_shipping", "category_discount"])
def test_the_other_vouchers(kind):
    terms(shipping_fee=D("60.00"))
    user = member()
    shoes = Category.objects.create(name="Shoes", slug="shoes")
    boots = Category.objects.create(name="Boots", slug="boots", parent=shoes)
    tall = Category.objects.create(name="Tall boots", slug="tall", parent=boots)
    boot, hat = make_product("100.00", category=tall), make_product("30.00")
    if kind == "free_shipping":
        made = order(user, (hat, 1), code=voucher(user, "0.00", kind=kind))
        assert (made.order.shipping, made.order.total) == (D("0.00"), D("30.00"))
    else:
        code = voucher(user, "15.00", kind=kind, category=shoes)
        made = order(user, (boot, 2), (hat, 1), code=code)
        assert [item.discount for item in made.items] == [D("30.00"), D("0.00")]
        assert made.order.total == D("260.00")


def test_a_variant_lies_where_its_listed_product_does():
    user = member()
    shoes = Category.objects.create(name="Shoes", slug="shoes")
    listed = make_product("100.00", category=shoes)
    size = make_product("100.00", variant_of=listed)
    code = voucher(user, "50.00", kind="category_discount", category=shoes)
    assert quote(user, (size, 1), code=code).basket.price.total == D("50.00")


def test_a_voucher_that_takes_nothing_off_is_not_used_up():
    user, mug = member(), make_product("30.00")
    shoes = Category.objects.create(name="Shoes", slug="shoes")
    elsewhere = voucher(user, "15.00", kind="category_discount", category=shoes)
    ships = voucher(user, "0.00", kind="free_shipping")
    for code in (elsewhere, ships):
        with pytest.raises(VoucherTakesNothingOff):
            order(user, (mug, 1), code=code)


@pytest.mark.parametrize(
    ("wanted", "error"),
    [
        (lambda mug: [], EmptyOrder),
        (lambda mug: [(mug, 600), (mug, 401)], TooManyPieces),
        (lambda mug: [(Product(pk=10**9), 1)], UnknownProducts),
        (lambda mug: [(mug, 1), (make_product(is_active=False), 1)], ProductsNotForSale),
        (lambda mug: [(make_variant(make_product(is_active=False)), 1)], ProductsNotForSale),
        (lambda mug: [(make_variant(make_product()).variant_of, 1)], ProductsNotForSale),
        (lambda mug: [(mug, 1), (stocked(2), 3)], OutOfStock),
        (lambda mug: [(make_product("0.99"), 1)], BelowMinimum),
    ],
)
def test_baskets_that_cannot_be_had_are_refused(wanted, error):
    terms(minimum_subtotal=D("1.00"))
    user, mug = member(), make_product()
    wanted = wanted(mug)
    was = picture()
    for call in (quote, order):
        with pytest.raises(error):
            call(user, *wanted)
    assert picture() == was


def test_wishes_that_cannot_be_had_are_refused_by_field():
    user, mug = member(points=50), make_product("100.00")
    theirs = voucher(member())
    gone = voucher(user, until=AT)
    programme(minimum_points=10)
    for wish, error, field in [
        ({"code": "NOSUCH"}, UnknownVoucher, "voucher_code"),
        ({"code": theirs}, UnknownVoucher, "voucher_code"),
        ({"code": gone}, VoucherNotAvailable, "voucher_code"),
        ({"points": 51}, InsufficientPoints, "points"),
        ({"points": 9}, TooFewPoints, "points"),
    ]:
        with pytest.raises(error) as refusal:
            quote(user, (mug, 1), **wish)
        assert refusal.value.facts["field"] == field
    programme(point_value=0)
    with pytest.raises(PointsNotAccepted):
        quote(user, (mug, 1), points=20)


def test_stock_names_every_product_that_lacks():
    user = member()
    enough, short, none = stocked(5), stocked(1), stocked(0)
    with pytest.raises(OutOfStock) as refusal:
        order(user, (enough, 5), (short, 2), (none, 1))
    assert refusal.value.facts["lacking"] == [
        {"product_id": short.pk, "wanted": 2, "left": 1},
        {"product_id": none.pk, "wanted": 1, "left": 0},
    ]


# --- paying and cancelling ---------------------------------------------------------------------------------


def test_paying_uses_the_voucher_and_again_changes_nothing():
    user, mug = member(), make_product("50.00")
    made = order(user, (mug, 1), code=voucher(user))
    pay(made, amount=D("40.00"), reference="P-1")
    before = fresh(made)
    pay(made, amount=D("40.00"), reference="P-1")
    assert fresh(made).updated_at == before.updated_at
    assert (before.status, before.payment_reference) == ("paid", "P-1")
    assert UserVoucher.objects.get().status == "used"
    with pytest.raises(PaidAlready):
        pay(made, amount=D("40.00"), reference="P-2")
    other = order(user, (mug, 1))
    with pytest.raises(WrongAmount):
        pay(other, amount=D("49.99"), reference="P-3")
    assert fresh(other).status == "pending"


def test_cancelling_lets_go_of_everything_once():
    user, mug = member(points=100), stocked(3, "50.00")
    made = order(user, (mug, 2), code=voucher(user), points=100)
    Product.objects.filter(pk=mug.pk).update(stock_is_tracked=False)  # what was taken comes back all the same
    for _ in range(2):
        cancel(user, made)
    mug.refresh_from_db()
    assert (mug.stock, balance(user), UserVoucher.objects.get().status) == (3, 100, "available")
    assert PointsTransaction.objects.filter(natural_key=f"order:{made.order.pk}:restore").count() == 1
    assert_clean_books()
    with pytest.raises(StepNotAllowed):
        pay(made)


def test_9_points_that_expired_meanwhile_come_back_for_the_programmes_window():
    user, mug = member(), make_product("50.00")
    programme(points_valid_months=1)
    deliver_order(user, 1000, at=AT - timedelta(days=29))
    made = order(user, (mug, 1), points=100)
    Order.objects.filter(pk=made.order.pk).update(pay_by=None)
    cancel(user, made, at=AT + timedelta(days=40))
    restored = PointsTransaction.objects.get(transaction_type="restored")
    assert restored.metadata["restored_after_expiry"] == 100
    assert "100 had expired and are good until" in restored.description
    assert_clean_books()


def test_a_voucher_that_expired_meanwhile_comes_back_for_thirty_days():
    user, mug = member(), make_product("50.00")
    code = voucher(user, until=AT + MINUTE)
    made = order(user, (mug, 1), code=code)
    cancel(user, made, at=AT + 10 * MINUTE)
    freed = UserVoucher.objects.get()
    assert freed.status_at(AT + timedelta(days=30)) == "available"
    assert freed.status_at(AT + timedelta(days=31)) == "expired"


def test_a_member_cancels_until_processing():
    user, mug = member(), make_product()
    made = order(user, (mug, 1))
    move_order(order_id=made.order.pk, to="paid", actor=SYSTEM, at=LATER)
    move_order(order_id=made.order.pk, to="processing", actor=SYSTEM, at=LATER)
    with pytest.raises(TooLateToCancel):
        cancel(user, made)
    assert fresh(made).status == "processing"


def test_the_clock_cancels_what_was_not_paid(told):
    user, mug = member(points=100), stocked(3)
    due = order(user, (mug, 2), points=100)
    paid = order(user, (mug, 1))
    pay(paid)
    fine = order(user, (make_product(), 1), at=AT + MINUTE)
    end = AT + 30 * MINUTE
    assert cancel_unpaid(at=end - timedelta(microseconds=1)) == 0
    assert cancel_unpaid(at=end, chunk=1) == 1
    assert cancel_unpaid(at=end) == 0
    assert [fresh(one).status for one in (due, paid, fine)] == ["cancelled", "paid", "pending"]
    assert due.order.steps.last().actor == "system"
    mug.refresh_from_db()
    assert (mug.stock, balance(user)) == (2, 100)


def test_11_an_order_cannot_be_paid_after_its_time_whether_the_job_ran_or_not():
    made = order(member(), (make_product(), 1))
    with pytest.raises(PaymentTooLate):
        pay(made, at=AT + 30 * MINUTE)
    pay(made, at=AT + 30 * MINUTE - timedelta(microseconds=1))
    assert fresh(made).status == "paid"


# --- returns -----------------------------------------------------------------------------------------------


def test_8_money_and_points_go_back_in_proportion_and_sum_to_the_whole():
    user = member(points=100)
    mug = make_product("9.99")
    made = order(user, (mug, 3), points=100)  # 29.97, of which points pay 10.00
    deliver(made)
    backs = [give_back(made, {1: 1}, f"CN-{n}") for n in range(3)]
    assert [one.refund for one in backs] == [D("6.66"), D("6.65"), D("6.66")]
    assert sum(one.refund for one in backs) == D("19.97")
    assert [one.points_back for one in backs] == [33, 34, 33]
    assert balance(user) == 100
    keys = PointsTransaction.objects.filter(transaction_type="restored").values_list("natural_key", flat=True)
    assert sorted(keys) == [f"order:{made.order.pk}:restore:CN-{n}" for n in range(3)]
    assert_clean_books()


def test_added_tax_goes_back_with_the_goods_and_included_tax_is_in_them():
    user = member()
    terms(vat_rate=D(15), vat_included=False, shipping_fee=D("60.00"))
    made = order(user, (make_product("100.00"), 2))
    deliver(made)
    assert give_back(made, {1: 1}, "CN-1").refund == D("115.00")
    terms(vat_rate=D(15), shipping_fee=D("60.00"))
    made = order(user, (make_product("115.00"), 2))
    deliver(made)
    assert give_back(made, {1: 1}, "CN-1").refund == D("115.00")


def test_returns_in_bulk_give_points_back_once():
    user = member(points=100)
    made = order(user, (make_product("10.00"), 4), points=100)
    deliver(made)
    item = made.items[0].pk
    rows = [
        ReturnRow(order_id=made.order.pk, reference=f"CN-{n}", lines=((item, 1),), at=LATER) for n in range(3)
    ]
    assert record_returns(rows) == 3
    assert record_returns(rows) == 0
    assert list(OrderReturn.objects.order_by("id").values_list("points_back", "refund")) == [(25, None)] * 3
    assert balance(user) == 75
    assert_clean_books()


def test_points_that_nobody_took_here_do_not_come_back():
    """An order that another system brought says what points paid; the ledger knows nothing of it."""
    brought = make_order(line(2, points="10.00"), status="delivered", points_used=100)
    ids = list(brought.items.values_list("pk", flat=True))
    return_lines(order_id=brought.pk, reference="CN", lines={ids[0]: 1}, actor=SYSTEM, at=LATER)
    assert (PointsTransaction.objects.count(), OrderReturn.objects.get().points_back) == (0, 0)


def test_15_tax_in_the_prices_earns_nothing():
    user = member(points=100)
    terms(vat_rate=D(15), shipping_fee=D("60.00"))
    made = order(user, (make_product("115.00"), 1), points=100)
    deliver(made)
    (basis,) = earning_bases([made.order.pk])
    assert made.items[0].tax == D("13.69")  # 21.52 of 165.00, by 105.00 of goods; shipping has the odd cent
    assert basis.full == D("91.31")
    terms(vat_rate=D(15), vat_included=False)
    made = order(user, (make_product("100.00"), 1))
    deliver(made)
    assert earning_bases([made.order.pk])[0].full == D("100.00")


def test_what_is_due_back_is_said_with_its_amount(told):
    user, mug = member(), make_product("10.00")
    unpaid, paid, delivered = (order(user, (mug, 2)) for _ in range(3))
    pay(paid)
    deliver(delivered)
    cancel(user, unpaid)
    cancel(user, paid)
    give_back(delivered, {1: 1}, "CN-1")
    due = OutboxMessage.objects.filter(topic=ORDER_REFUND_DUE).order_by("id")
    said = [message.payload for message in due]
    assert [(one["order_id"], one["amount"], one["reference"]) for one in said] == [
        (paid.order.pk, "20.00", "cancelled"),
        (delivered.order.pk, "10.00", "return:CN-1"),
    ]


# --- statements --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("wish", "quoting", "ordering"), [("plain", 2, 8), ("both", 5, 24)])
def test_an_order_of_twenty_lines_costs_as_many_statements_as_one(wish, quoting, ordering):
    counts = []
    for number in (1, 20):
        user = member(points=1000)
        wishes = {"code": voucher(user), "points": 10} if wish == "both" else {}
        wanted = [(stocked(9), 2) for _ in range(number)]
        with CaptureQueriesContext(connection) as asked:
            quote(user, *wanted, **wishes)
        with CaptureQueriesContext(connection) as placed:
            order(user, *wanted, **wishes)
        counts.append((len(asked), len(placed)))
    assert counts == [(quoting, ordering)] * 2


# --- any basket --------------------------------------------------------------------------------------------

amounts = st.integers(0, 100_000).map(lambda number: D(number).scaleb(-2))


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.tuples(st.integers(1, 1000), amounts), min_size=1, max_size=6),
    st.none() | amounts,
    st.integers(0, 500),
    amounts,
    st.none() | amounts,
    st.integers(0, 10_000).map(lambda number: D(number).scaleb(-2)),
    st.booleans(),
)
def test_18_any_quote_is_what_its_order_costs(wanted, worth, points, fee, free_from, vat, included):
    terms(shipping_fee=fee, free_shipping_from=free_from, vat_rate=vat, vat_included=included)
    user = member(points=500)
    code = "" if worth is None else voucher(user, str(worth))
    basket = [(make_product(str(price)), qty) for qty, price in wanted]
    try:
        quoted = quote(user, *basket, code=code, points=points)
    except VoucherTakesNothingOff:
        return
    price = quoted.basket.price
    made = order_quoted(user, quoted.token)
    stored = fresh(made)
    names = ("subtotal", "discount", "points_value", "shipping", "tax", "total", "points_used")
    assert [getattr(stored, name) for name in names] == [getattr(price, name) for name in names]
    shares = ("unit_price", "discount", "points_value", "tax")
    assert list(stored.items.order_by("position").values_list(*shares)) == [
        tuple(getattr(line, name) for name in shares) for line in price.lines
    ]
    assert balance(user) == 500 - price.points_used
    assert stored.status == ("pending" if price.total else "paid")
