"""What earns, how much, and what is taken back."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts.facade import register_member
from catalog.facade import approve_review, submit_review
from catalog.models import Product
from core import outbox
from core.contracts import SYSTEM
from core.models import OutboxMessage
from orders.contracts import DeliveredOrder, PricedLine
from orders.models import Order
from orders.services.bulk import record_delivered_orders
from orders.services.returns import return_lines
from rewards.models import EarningRule, PointLot, PointsTransaction, UserPoints
from rewards.services.earning import accrue_orders, earn_referral, earn_reviews, earn_signups
from rewards.tasks import calculate_order_points
from tests.rewards.ledger import (
    ZONE,
    Points,
    assert_clean_books,
    day,
    deliver_order,
    make_member,
    points,
    return_pieces,
    set_programme,
)

pytestmark = pytest.mark.django_db


def rule(rule_type):
    return EarningRule.objects.filter(rule_type=rule_type)


def posted(member):
    lines = PointsTransaction.objects.filter(user=member).order_by("id")
    return list(lines.values_list("natural_key", "points"))


def test_a_delivered_order_earns_once_by_position_or_by_name():
    member = make_member()
    order = deliver_order(member, "139.12", at=day(0), accrue=False)
    calculate_order_points(order.pk)
    calculate_order_points(order_id=order.pk)
    assert posted(member) == [(f"order:{order.pk}:purchase", 13)]
    assert PointsTransaction.objects.get().effective_at == day(0)


def test_an_order_that_is_not_there_or_not_delivered_earns_nothing():
    member = make_member()
    pending = Order.objects.create(user=member, number="P1", subtotal=1000, total=1000, placed_at=day(0))
    accrue_orders([pending.pk, 987654321], at=day(0))
    accrue_orders([], at=day(0))
    assert posted(member) == []


def test_an_order_without_lines_earns_on_its_total_as_the_contract_has_it():
    member = make_member()
    order = Order.objects.create(
        user=member,
        number="N1",
        status="delivered",
        subtotal=Decimal("155.50"),
        total=Decimal("155.50"),
        placed_at=day(0),
        delivered_at=day(0),
    )
    accrue_orders([order.pk], at=day(0))
    assert posted(member) == [(f"order:{order.pk}:purchase", 15)]


def test_mistake_15_nothing_is_earned_on_shipping_tax_discounts_or_what_points_paid():
    member, product = make_member(), Product.objects.create(sku="1", name="Lamp", price=100)
    line = PricedLine(
        product_id=product.pk,
        qty=10,
        unit_price=Decimal(100),
        discount=Decimal(100),
        points_value=Decimal(50),
    )
    order = DeliveredOrder(
        user_id=member.pk,
        number="S1",
        placed_at=day(0),
        delivered_at=day(0),
        lines=(line,),
        shipping=Decimal(60),
        tax=Decimal(127),
    )
    (order_id,) = record_delivered_orders([order]).values()
    accrue_orders([order_id], at=day(0))
    assert posted(member) == [(f"order:{order_id}:purchase", 85)]


def test_mistake_8_partial_returns_reverse_the_difference_to_what_should_remain():
    member = make_member()
    order = deliver_order(member, "99.90", at=day(0), qty=3)  # 9 points; 33.30 a piece
    return_pieces(order, 1, at=day(1))
    assert points(member, day(1)).current == 6  # floor(6.66)
    return_pieces(order, 1, at=day(2))
    assert points(member, day(2)).current == 3  # floor(3.33)
    return_pieces(order, 1, at=day(3))
    assert points(member, day(3)) == Points(0, 0, 0, 0)
    assert posted(member)[1:] == [
        (f"order:{order.pk}:keeps:6", -3),
        (f"order:{order.pk}:keeps:3", -3),
        (f"order:{order.pk}:keeps:0", -3),
    ]
    assert_clean_books()


def test_mistake_7_a_return_takes_points_of_the_returned_line_alone():
    member = make_member()
    dear, cheap = (Product.objects.create(sku=sku, name=sku, price=1) for sku in ("dear", "cheap"))
    lines = (
        PricedLine(product_id=dear.pk, qty=1, unit_price=Decimal("900.00")),
        PricedLine(product_id=cheap.pk, qty=2, unit_price=Decimal("50.00")),
    )
    row = DeliveredOrder(user_id=member.pk, number="L1", placed_at=day(0), delivered_at=day(0), lines=lines)
    (order_id,) = record_delivered_orders([row]).values()
    accrue_orders([order_id], at=day(0))
    item = Order.objects.get(pk=order_id).items.get(sku="dear")
    return_lines(order_id=order_id, reference="R", lines={item.pk: 1}, actor=SYSTEM, at=day(1))
    accrue_orders([order_id], at=day(1))
    assert points(member, day(1)).current == 10
    assert_clean_books()


def test_mistake_7_a_return_takes_back_by_the_rule_as_it_was():
    member = make_member()
    order = deliver_order(member, 1000, at=day(0), qty=2)
    rule("purchase").update(points_per_rand=5)
    return_pieces(order, 1, at=day(1))
    assert points(member, day(1)).current == 50
    rule("purchase").update(is_active=False)
    return_pieces(order, 1, at=day(2))
    assert points(member, day(2)).current == 0
    line = PointsTransaction.objects.filter(transaction_type="reversed").first()
    assert line.metadata["rule"]["version"] == 1


def test_a_return_of_an_old_lot_leaves_newer_lots_alone_while_it_can():
    member = make_member()
    first = deliver_order(member, 1000, at=day(0))
    deliver_order(member, 500, at=day(1))
    return_pieces(first, 1, at=day(2))
    assert sorted(PointLot.objects.values_list("points", "remaining")) == [(50, 50), (100, 0)]


def test_without_an_active_purchase_rule_nothing_is_earned():
    rule("purchase").update(is_active=False)
    member = make_member()
    deliver_order(member, 1000, at=day(0))
    assert posted(member) == []


def test_points_count_their_validity_from_the_delivery_and_not_from_the_posting():
    member = make_member()
    order = deliver_order(member, 1000, at=day(0), accrue=False)
    accrue_orders([order.pk], at=day(100))
    lot = PointLot.objects.get()
    assert lot.earned_at == day(0)
    assert lot.expires_at.astimezone(ZONE).isoformat() == "2028-03-03T00:00:00+02:00"


def test_mistake_11_points_of_a_long_past_order_expire_as_they_are_posted():
    set_programme(points_valid_months=1)
    member = make_member()
    order = deliver_order(member, 1000, at=day(0), accrue=False)
    accrue_orders([order.pk], at=day(100))
    assert posted(member) == [
        (f"order:{order.pk}:purchase", 100),
        (f"order:{order.pk}:purchase:expire", -100),
    ]
    assert points(member, day(100)) == Points(0, 0, 100, 0)
    assert_clean_books()


def test_a_sign_up_earns_once_when_a_rule_for_it_is_active(django_capture_on_commit_callbacks):
    register_member(username="early", at=day(0))
    outbox.deliver("rewards.signups")
    assert PointsTransaction.objects.count() == 0
    EarningRule.objects.create(name="Welcome", rule_type="signup", points_amount=25)
    user_id = register_member(username="late", at=day(0))
    outbox.deliver("rewards.signups")
    earn_signups([user_id, user_id], at=day(1))
    assert list(PointsTransaction.objects.values_list("user_id", "points", "natural_key")) == [
        (user_id, 25, "signup")
    ]


def test_an_approved_review_earns_once():
    member, product = make_member(), Product.objects.create(sku="1", name="Lamp", price=100)
    review = submit_review(user_id=member.pk, product_id=product.pk, rating=5, text="Bright", at=day(0))
    outbox.deliver("rewards.reviews")
    assert posted(member) == []
    approve_review(review_id=review.pk, actor=SYSTEM, at=day(1))
    outbox.deliver("rewards.reviews")
    earn_reviews([(member.pk, review.pk)], at=day(2))
    assert posted(member) == [(f"review:{review.pk}", 50)]


def test_a_referral_earns_once_a_friend():
    member, friend = make_member(), make_member()
    for _ in range(2):
        earn_referral(referrer_id=member.pk, referred_id=friend.pk, at=day(0))
    assert posted(member) == [(f"referral:{friend.pk}", 500)]


def test_a_thousand_orders_accrue_in_as_many_statements_as_one():
    def cost(count):
        members = [make_member() for _ in range(min(count, 50))]
        order_ids = [
            deliver_order(members[n % len(members)], 100 + n, at=day(0), accrue=False).pk
            for n in range(count)
        ]
        with CaptureQueriesContext(connection) as captured:
            accrue_orders(order_ids, at=day(0))
        return len(captured)

    UserPoints.objects.create(user=make_member())
    assert cost(200) == cost(2) == 13  # one of them tells who shall tell the members


def test_an_accrual_that_changes_nothing_writes_nothing():
    member = make_member()
    order = deliver_order(member, 1000, at=day(0))
    before = UserPoints.objects.get().updated_at
    accrue_orders([order.pk], at=day(1))
    assert UserPoints.objects.get().updated_at == before
    assert len(posted(member)) == 1


def test_delivering_an_order_accrues_it_through_the_outbox():
    member = make_member()
    order = deliver_order(member, 1000, at=day(0), accrue=False)
    assert OutboxMessage.objects.filter(subscriber="rewards.purchases").count() == 1
    outbox.deliver("rewards.purchases")
    assert posted(member) == [(f"order:{order.pk}:purchase", 100)]
    with transaction.atomic():
        return_pieces(order, 1, at=day(0) + timedelta(days=1), accrue=False)
    outbox.deliver("rewards.purchases")
    assert posted(member)[1:] == [(f"order:{order.pk}:keeps:0", -100)]


def test_a_posting_keeps_its_times_to_the_microsecond():
    at = day(0) + timedelta(microseconds=123457)
    order = deliver_order(make_member(), "100.00", at=at)
    line, lot, account = PointsTransaction.objects.get(), PointLot.objects.get(), UserPoints.objects.get()
    assert line.order_id == order.pk
    assert [line.effective_at, lot.earned_at, lot.matures_at, account.settled_at] == [at] * 4
