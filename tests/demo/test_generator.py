"""The made-up shop: the same for the same plan, and with everything in it that a visitor should find."""

from collections import Counter
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from demo.generator import generate
from demo.shop import VISITOR, ZONE, Plan, Shop
from tests.demo.story import (
    orders_of,
    purchase_points,
    redemptions_of,
    returns_of,
    reviews_of,
    tiers,
)

ANCHOR = date(2026, 11, 20)
DAY = timedelta(days=1)

small_plans = st.builds(
    Plan,
    anchor=st.dates(date(2025, 1, 1), date(2032, 12, 31)) | st.just(date(2028, 2, 29)),
    seed=st.integers(0, 2**40),
    members=st.integers(30, 60),
    products=st.integers(40, 80),
)


@pytest.fixture(scope="module")
def shop() -> Shop:
    return generate(Plan(ANCHOR))


@settings(max_examples=10, deadline=None)
@given(small_plans)
def test_the_same_plan_makes_the_same_shop(plan: Plan) -> None:
    assert generate(plan) == generate(plan)


def test_another_seed_or_another_day_makes_another_shop() -> None:
    plan = Plan(ANCHOR, members=30, products=40)
    shop = generate(plan)
    assert generate(Plan(ANCHOR, plan.seed + 1, 30, 40)).weeks != shop.weeks
    assert generate(Plan(ANCHOR + DAY, plan.seed, 30, 40)).weeks != shop.weeks


def test_a_shop_has_300_members_200_products_and_about_2500_orders(shop: Shop) -> None:
    assert len({member.key for member in shop.members}) == 300
    assert len({member.username for member in shop.members}) == 300
    assert len({product.sku for product in shop.products}) == 200
    assert len({product.name for product in shop.products}) == 200
    assert 2000 < len(orders_of(shop)) < 3000


def test_categories_are_a_tree_of_departments_and_shelves_with_products_on_every_shelf(shop: Shop) -> None:
    seen: set[str] = set()
    for category in shop.categories:
        assert category.parent is None or category.parent in seen
        seen.add(category.slug)
    assert len(seen) == len(shop.categories) == 32
    shelves = {category.slug for category in shop.categories if category.parent}
    assert {product.category for product in shop.products} == shelves


def test_prices_are_a_marketplaces(shop: Shop) -> None:
    prices = sorted(product.price for product in shop.products)
    assert prices[0] >= Decimal("28.99")
    assert prices[-1] <= Decimal("6998.99")
    assert Decimal(200) < prices[100] < Decimal(600)
    assert {price % 1 for price in prices} == {Decimal("0.99")}


def test_every_month_of_the_year_has_orders_and_december_more_than_january(shop: Shop) -> None:
    months = Counter(order.placed_at.strftime("%Y-%m") for order in orders_of(shop).values())
    year = [(date(2025, 11, 15) + month * 30.5 * DAY).strftime("%Y-%m") for month in range(13)]
    assert all(months[month] >= 50 for month in year)
    assert months["2025-12"] > 1.5 * months["2026-01"]


def test_a_tenth_of_the_members_place_half_of_the_orders(shop: Shop) -> None:
    by_member = Counter(order.member for order in orders_of(shop).values())
    assert sum(count for _, count in by_member.most_common(30)) > 0.45 * by_member.total()
    assert by_member.most_common(1)[0][1] >= 100
    assert sorted(by_member.values())[150] <= 4


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("anchor", [ANCHOR, date(2028, 2, 29)])
def test_every_tier_has_members_whatever_the_seed(anchor: date, seed: int) -> None:
    points = purchase_points(generate(Plan(anchor, seed)))
    found = tiers(points)
    assert found["Platinum"] >= 3
    assert found["Gold"] >= 4
    assert found["Silver"] >= 40
    assert found["Bronze"] >= 150
    assert max(points.values()) < 80_000


@pytest.mark.parametrize("days", range(7))
def test_every_status_before_the_delivery_is_there_on_every_weekday(days: int) -> None:
    shop = generate(Plan(ANCHOR + days * DAY))
    found = Counter(order.status for order in orders_of(shop).values())
    assert set(found) == {"pending", "paid", "processing", "shipped", "delivered", "cancelled"}
    young = [order for order in orders_of(shop).values() if order.status not in ("delivered", "cancelled")]
    assert 25 <= len(young) <= 120
    assert all(order.placed_at > shop.until - 9 * DAY for order in young)


@settings(max_examples=15, deadline=None)
@given(small_plans)
def test_nothing_happens_after_the_anchors_midnight_nor_before_the_member_joined(plan: Plan) -> None:
    shop = generate(plan)
    assert shop.until == datetime.combine(plan.anchor, datetime.min.time(), tzinfo=ZONE)
    joined = {member.key: member.joined_at for member in shop.members}
    for order in orders_of(shop).values():
        times = list(order.reached.values())
        assert times == sorted(times)
        assert times[-1] < shop.until
        assert joined[order.member] < order.placed_at
    for one in [*returns_of(shop), *reviews_of(shop), *redemptions_of(shop)]:
        assert one.at < shop.until


@settings(max_examples=15, deadline=None)
@given(small_plans)
def test_a_week_delivers_then_takes_back_then_moderates_then_redeems(plan: Plan) -> None:
    shop = generate(plan)
    assert [week.monday for week in shop.weeks] == sorted({week.monday for week in shop.weeks})
    for week in shop.weeks:
        assert week.monday.weekday() == 0
        days = {
            "delivered": [order.delivered_at for order in week.delivered]
            + [step.at for step in week.steps if step.status == "delivered"],
            "returned": [returned.at for returned in week.returns],
            "moderated": [review.moderated_at for review in week.reviews if review.moderated_at],
            "redeemed": [redemption.at for redemption in week.redemptions],
        }
        offsets = {kind: {(at.date() - week.monday).days for at in when} for kind, when in days.items()}
        assert offsets["delivered"] <= {0, 1, 2, 3, 4}
        assert offsets["returned"] | offsets["moderated"] <= {5}
        assert offsets["redeemed"] <= {6}
        assert all(at.hour < 12 for at in days["returned"])
        assert {at.hour for at in days["moderated"]} <= {15}


@settings(max_examples=15, deadline=None)
@given(small_plans)
def test_what_comes_back_was_delivered_days_before_and_never_more_than_was_bought(plan: Plan) -> None:
    shop = generate(plan)
    orders = orders_of(shop)
    for order in orders.values():
        assert len({line.sku for line in order.lines}) == len(order.lines) > 0
    seen = set()
    for returned in returns_of(shop):
        order = orders[returned.order.number]
        bought = {line.sku: line.qty for line in order.lines}
        assert all(1 <= qty <= bought[sku] for sku, qty in returned.pieces)
        assert order.delivered_at
        assert returned.at.date() - order.delivered_at.date() >= 7 * DAY
        seen.add(order.number)
    assert len(seen) == len(list(returns_of(shop)))


@settings(max_examples=15, deadline=None)
@given(small_plans)
def test_a_member_reviews_a_product_once_and_after_it_arrived(plan: Plan) -> None:
    shop = generate(plan)
    arrived: dict[tuple[str, str], datetime] = {}
    for order in orders_of(shop).values():
        for line in order.lines:
            if order.delivered_at:
                key = (order.member, line.sku)
                arrived[key] = min(order.delivered_at, arrived.get(key, order.delivered_at))
    reviews = list(reviews_of(shop))
    assert len({(review.member, review.sku) for review in reviews}) == len(reviews)
    assert all(arrived[review.member, review.sku] < review.at for review in reviews)


def test_returns_reviews_and_redemptions_are_of_every_kind(shop: Shop) -> None:
    returns = list(returns_of(shop))
    whole = [r for r in returns if sum(q for _, q in r.pieces) == sum(line.qty for line in r.order.lines)]
    assert 80 < len(returns) < 250
    assert 20 < len(whole) < len(returns) - 20
    moderation = Counter(
        "pending" if review.moderated_at is None else review.is_approved for review in reviews_of(shop)
    )
    assert moderation[True] > 100
    assert moderation["pending"] >= 3
    assert moderation[False] >= 1
    options = Counter(redemption.option for redemption in redemptions_of(shop))
    assert set(options) == {"voucher-10", "voucher-25", "free-shipping"}
    assert 10 <= sum(order.with_voucher for order in orders_of(shop).values()) <= 80
    adjusted = [adjustment for week in shop.weeks for adjustment in week.adjustments]
    assert [adjustment.points for adjustment in adjusted] == [250, -120]
    assert all(adjustment.reason for adjustment in adjusted)


@pytest.mark.parametrize("anchor", [ANCHOR + days * DAY for days in range(7)])
def test_the_visitors_member_has_points_and_a_history(anchor: date) -> None:
    shop = generate(Plan(anchor))
    assert 1000 <= purchase_points(shop)[VISITOR] < 15_000
    hers = [order for order in orders_of(shop).values() if order.member == VISITOR]
    early = [order for order in hers if order.placed_at < shop.until - 700 * DAY]
    assert [order.net >= 4500 for order in early] == [True, True]
    assert (
        sum(redemption.points for redemption in redemptions_of(shop) if redemption.member == VISITOR) == 500
    )
