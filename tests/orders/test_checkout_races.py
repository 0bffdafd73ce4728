"""Checkout when everybody comes at once: threads, each with a connection of its own."""

from datetime import timedelta

import pytest

from catalog.models import Product
from catalog.services.stock import OutOfStock
from core.contracts import SYSTEM, Actor
from orders.models import Order, OrderItem
from orders.services.cancelling import cancel_own_order, cancel_unpaid
from orders.services.payment import pay_order
from orders.services.steps import PaymentTooLate, StepNotAllowed
from rewards.models import PointsTransaction, UserPoints, UserVoucher
from rewards.services.redemption import InsufficientPoints
from rewards.services.vouchers import VoucherNotAvailable
from tests.catalog.factories import make_product
from tests.concurrency import together
from tests.orders.shop import (
    AT,
    assert_clean_books,
    balance,
    member,
    order,
    order_quoted,
    quote,
    stocked,
    terms,
    voucher,
)

pytestmark = pytest.mark.django_db(transaction=True)

LATER = AT + timedelta(minutes=5)


@pytest.fixture(autouse=True)
def plain_terms(db):
    terms()


def test_2_twenty_orders_claim_one_voucher_and_one_has_it():
    user, mug = member(), stocked(100, "50.00")
    code = voucher(user)
    results = together(*[lambda: order(user, (mug, 1), code=code).order.pk] * 20)
    (winner,) = [one for one in results if isinstance(one, int)]
    assert sum(isinstance(one, VoucherNotAvailable) for one in results) == 19
    assert (Order.objects.get().pk, UserVoucher.objects.get().order_id) == (winner, winner)
    mug.refresh_from_db()
    assert mug.stock == 99  # the losers took nothing


def test_1_the_last_three_in_stock_go_to_three_of_twenty_buyers():
    mug, hat = stocked(3), stocked(100)
    buyers = [member() for _ in range(20)]
    # Half of them name the products the other way round: the locks do not care.
    results = together(
        *[
            lambda n=n, user=user: order(user, *[(mug, 1), (hat, 1)][:: 1 if n % 2 else -1]).order.pk
            for n, user in enumerate(buyers)
        ]
    )
    assert sum(isinstance(one, OutOfStock) for one in results) == 17, results
    assert sorted(Product.objects.values_list("stock", flat=True)) == [0, 97]
    assert OrderItem.objects.count() == 6


def test_1_points_for_three_orders_pay_three_of_twelve():
    user, mug = member(points=350), make_product("10.00")
    results = together(*[lambda: order(user, (mug, 1), points=100).order.status] * 12)
    assert results.count("paid") == 3
    assert sum(isinstance(one, InsufficientPoints) for one in results) == 9
    assert balance(user) == 50
    assert_clean_books()


def test_5_one_quote_ordered_twenty_times_at_once_is_one_order():
    user, mug = member(points=500), stocked(50, "10.00")
    token = quote(user, (mug, 1), points=50).token
    results = together(*[lambda: order_quoted(user, token).order.pk] * 20)
    assert len(set(results)) == 1
    mug.refresh_from_db()
    assert (mug.stock, balance(user)) == (49, 450)
    assert_clean_books()


@pytest.mark.parametrize("attempt", range(4))
def test_3_of_cancelling_and_paying_at_once_one_wins(attempt):
    user, mug = member(points=100), stocked(5, "50.00")
    made = order(user, (mug, 1), code=voucher(user), points=100).order

    def pay():
        return pay_order(order_id=made.pk, actor=SYSTEM, at=LATER, reference="P").status

    def cancel():
        return cancel_own_order(user_id=user.pk, order_id=made.pk, actor=Actor.of(user), at=LATER).status

    # A paid order can be cancelled too, so of these only a payment can come too late.
    results = together(*[pay, cancel][:: 1 if attempt % 2 else -1], pay, cancel)
    status = Order.objects.get().status
    assert status == "cancelled"
    assert all(one in ("paid", "cancelled") or isinstance(one, StepNotAllowed) for one in results), results
    assert (balance(user), UserVoucher.objects.get().status) == (100, "available")
    mug.refresh_from_db()
    assert mug.stock == 5
    assert PointsTransaction.objects.filter(transaction_type="restored").count() == 1
    assert_clean_books()


def test_3_of_the_clock_and_a_payment_at_once_one_wins():
    end = AT + timedelta(minutes=30)
    users = [member(points=100) for _ in range(6)]
    mug = stocked(50, "50.00")
    made = [order(user, (mug, 1), code=voucher(user), points=100).order for user in users]
    results = together(
        *[lambda: cancel_unpaid(at=end)] * 3,
        *[
            lambda one=one: (
                pay_order(order_id=one.pk, actor=SYSTEM, at=end - timedelta(microseconds=1)).status
            )
            for one in made
        ],
    )
    statuses = list(Order.objects.order_by("pk").values_list("status", flat=True))
    for status, result in zip(statuses, results[3:], strict=True):
        assert (status, result) == ("paid", "paid") or (
            status == "cancelled" and isinstance(result, StepNotAllowed | PaymentTooLate)
        )
    # What a payment had locked while the clock came by is paid; nobody is left in between.
    assert sum(one for one in results[:3]) == statuses.count("cancelled")
    mug.refresh_from_db()
    assert mug.stock == 50 - statuses.count("paid")
    assert UserPoints.objects.filter(current_points=100).count() == statuses.count("cancelled")
    assert UserVoucher.objects.filter(status="used").count() == statuses.count("paid")
    assert_clean_books()


def test_3_cancelling_twenty_times_at_once_gives_back_once():
    user, mug = member(points=100), stocked(5, "50.00")
    made = order(user, (mug, 2), code=voucher(user), points=100).order
    results = together(
        *[
            lambda: cancel_own_order(user_id=user.pk, order_id=made.pk, actor=SYSTEM, at=LATER).status,
            lambda: cancel_unpaid(at=AT + timedelta(hours=1)),
        ]
        * 10
    )
    assert [one for one in results if isinstance(one, Exception)] == []
    mug.refresh_from_db()
    assert (mug.stock, balance(user)) == (5, 100)
    assert_clean_books()


def test_24_orders_of_the_same_things_by_the_same_members_do_not_deadlock():
    mug, hat = stocked(1000, "20.00"), stocked(1000, "20.00")
    users = [member(points=1000) for _ in range(3)]
    first = [order(user, (mug, 1), (hat, 1), points=50).order for user in users]
    results = together(
        *[lambda user=user: order(user, (hat, 1), (mug, 1), points=50).order.pk for user in users * 3],
        *[
            lambda user=user, one=one: (
                cancel_own_order(user_id=user.pk, order_id=one.pk, actor=SYSTEM, at=LATER).pk
            )
            for user, one in zip(users, first, strict=True)
        ],
        lambda: cancel_unpaid(at=AT + timedelta(hours=1)),
    )
    assert [one for one in results if isinstance(one, Exception)] == []
    assert_clean_books()
