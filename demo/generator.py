"""Makes a demonstration shop up: the same plan, the same shop. No Django, no clock, no files."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from demo.buying import Shelf, make_orders, make_returns
from demo.goods import make_categories, make_products
from demo.opinions import make_reviews
from demo.seasons import DAY, Demand
from demo.shop import Adjustment, Order, Plan, Redemption, Return, Review, Shop, Step, Week
from demo.spending import make_redemptions, with_vouchers
from demo.stories import YEAR, Profile, Purchase, make_profiles


@dataclass(frozen=True, slots=True)
class History:
    """All that one member did."""

    orders: Sequence[Order]
    returns: Sequence[Return]
    reviews: Sequence[Review]
    redemptions: Sequence[Redemption]


def generate(plan: Plan) -> Shop:
    """Make the plan's shop."""
    products = make_products(plan)
    shelf = Shelf(plan, products)
    demand = Demand(plan.anchor - YEAR, plan.anchor)
    profiles = make_profiles(plan)
    histories = [_history(plan, profile, shelf, demand) for profile in profiles]
    return Shop(
        until=plan.until,
        categories=tuple(make_categories()),
        products=tuple(products),
        members=tuple(profile.member for profile in profiles),
        weeks=tuple(_weeks(histories, _adjustments(plan, profiles))),
    )


def _history(plan: Plan, profile: Profile, shelf: Shelf, demand: Demand) -> History:
    rng = plan.rng("history", profile.member.key)
    since = profile.member.joined_at.date() + DAY
    by_chance = [Purchase(demand.draw_day(rng, since)) for _ in range(profile.orders)]
    made = make_orders(plan, rng, profile, [*profile.purchases, *by_chance], shelf)
    orders = [order for _, order in made]
    returns = make_returns(plan, rng, made)
    redemptions = make_redemptions(plan, rng, profile, orders, returns)
    if profile.redeems:
        orders = with_vouchers(rng, orders, redemptions)
    return History(orders, returns, make_reviews(plan, rng, orders), redemptions)


def _adjustments(plan: Plan, profiles: Sequence[Profile]) -> list[Adjustment]:
    """Two corrections by hand on the last evening, one each way."""
    best = max(profiles, key=lambda profile: profile.orders).member
    return [
        Adjustment(
            key="demo-goodwill",
            member=profiles[-1].member.key,
            points=250,
            reason="Parcel was lost for two weeks: goodwill",
            at=plan.until - timedelta(minutes=20),
        ),
        Adjustment(
            key="demo-correction",
            member=best.key,
            points=-120,
            reason="Points of a shop visit were entered twice",
            at=plan.until - timedelta(minutes=10),
        ),
    ]


def _weeks(histories: Iterable[History], adjustments: Sequence[Adjustment]) -> list[Week]:
    """Sort what everybody did into weeks."""
    happened: dict[date, dict[str, list[Any]]] = defaultdict(lambda: defaultdict(list))

    def add(kind: str, when: datetime, what: object) -> None:
        happened[when.date() - when.weekday() * DAY][kind].append(what)

    for history in histories:
        for order in history.orders:
            if order.by_steps:
                for status, moment in order.reached.items():
                    add("steps", moment, Step(order, status, moment))
            elif order.delivered_at:
                add("delivered", order.delivered_at, order)
        for returned in history.returns:
            add("returns", returned.at, returned)
        for review in history.reviews:
            add("reviews", review.moderated_at or review.at, review)
        for redemption in history.redemptions:
            add("redemptions", redemption.at, redemption)
    for adjustment in adjustments:
        add("adjustments", adjustment.at, adjustment)
    return [
        Week(monday, **{kind: tuple(sorted(what, key=_ORDER[kind])) for kind, what in kinds.items()})
        for monday, kinds in sorted(happened.items())
    ]


# Ends in what is unique, so that the order is total.
_ORDER: dict[str, Callable[[Any], Any]] = {
    "delivered": lambda order: (order.delivered_at, order.number),
    "steps": lambda step: (step.at, step.order.number),
    "returns": lambda returned: (returned.at, returned.reference),
    "reviews": lambda review: (review.at, review.member, review.sku),
    "redemptions": lambda redemption: (redemption.at, redemption.key),
    "adjustments": lambda adjustment: (adjustment.at, adjustment.key),
}
