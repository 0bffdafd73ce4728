"""Reading a generated shop in tests."""

from collections import Counter
from collections.abc import Iterator

from demo.shop import Order, Redemption, Return, Review, Shop
from demo.spending import points_lost, points_of


def orders_of(shop: Shop) -> dict[str, Order]:
    """Every order by its number, however it is told."""
    whole = [order for week in shop.weeks for order in week.delivered]
    told = [step.order for week in shop.weeks for step in week.steps]
    return {order.number: order for order in [*whole, *told]}


def returns_of(shop: Shop) -> Iterator[Return]:
    return (returned for week in shop.weeks for returned in week.returns)


def reviews_of(shop: Shop) -> Iterator[Review]:
    return (review for week in shop.weeks for review in week.reviews)


def redemptions_of(shop: Shop) -> Iterator[Redemption]:
    return (redemption for week in shop.weeks for redemption in week.redemptions)


def purchase_points(shop: Shop) -> Counter[str]:
    """What each member earned by purchases less returns, at a point for every R10."""
    points = Counter({member.key: 0 for member in shop.members})
    for order in orders_of(shop).values():
        if order.delivered_at:
            points[order.member] += points_of(order.net)
    for returned in returns_of(shop):
        points[returned.order.member] -= points_lost(returned)
    return points


def tiers(points: Counter[str]) -> Counter[str]:
    """How many members stand in each of the tiers that a new database has."""
    steps = [(15_000, "Platinum"), (5_000, "Gold"), (1_000, "Silver"), (0, "Bronze")]
    return Counter(next(name for least, name in steps if earned >= least) for earned in points.values())
