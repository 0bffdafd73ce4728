"""What members of the demonstration shop do with their points."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from random import Random

from demo.seasons import DAY, draw_between, sundays
from demo.shop import ZERO, Order, Plan, Redemption, Return
from demo.stories import Profile

# What a member reckons with: the programme as a new database has it.
RAND_PER_POINT = 10
OPTIONS = {"voucher-10": 100, "voucher-25": 250, "free-shipping": 50}
SILVER = 1000
_VOUCHER_USED_WITHIN = 28 * DAY  # of the 30 that it is good for


def points_of(net: Decimal) -> int:
    """Return what goods of `net` rand earn."""
    return int(net // RAND_PER_POINT)


def points_lost(returned: Return) -> int:
    """Return what a return takes back of its order's points."""
    back = dict(returned.pieces)
    gone = sum((line.net * back.get(line.sku, 0) / line.qty for line in returned.order.lines), ZERO)
    return points_of(returned.order.net) - points_of(returned.order.net - gone)


def make_redemptions(
    plan: Plan, rng: Random, profile: Profile, orders: Sequence[Order], returns: Sequence[Return]
) -> list[Redemption]:
    """Return what a member redeems, as the story has it and by chance, in the order of time."""
    wishes = [*profile.redemptions, *(_by_chance(plan, rng, orders, returns) if profile.redeems else ())]
    return [
        Redemption(
            key=f"{profile.member.key}-{number}",
            member=profile.member.key,
            option=option,
            points=OPTIONS[option],
            at=draw_between(rng, sunday, 17, 22),
        )
        for number, (sunday, option) in enumerate(wishes, start=1)
    ]


def with_vouchers(rng: Random, orders: Sequence[Order], redemptions: Sequence[Redemption]) -> list[Order]:
    """Return the orders, some of which now use a voucher that was redeemed in the weeks before."""
    using: set[str] = set()
    for redemption in redemptions:
        if redemption.option == "free-shipping" or rng.random() < 0.4:
            continue
        first = redemption.at.date() + DAY
        for order in orders:
            if first <= order.placed_at.date() < first + _VOUCHER_USED_WITHIN and order.number not in using:
                using.add(order.number)
                break
    return [
        replace(order, by_steps=True, with_voucher=True) if order.number in using else order
        for order in orders
    ]


def _by_chance(
    plan: Plan, rng: Random, orders: Sequence[Order], returns: Sequence[Return]
) -> Iterator[tuple[date, str]]:
    """Yield Sundays on which a member redeems something that the points of the weeks before allow."""
    earned = [(order.delivered_at, points_of(order.net)) for order in orders if order.delivered_at]
    if not earned:
        return
    moves: list[tuple[datetime, int]] = sorted([*earned, *((one.at, -points_lost(one)) for one in returns)])
    spent = 0
    for sunday in sundays(moves[0][0].date(), plan.anchor):
        if rng.random() > 0.06:
            continue
        had = sum(points for moment, points in moves if moment.date() < sunday)
        affordable = [
            option
            for option, price in OPTIONS.items()
            if price <= had - spent and (option != "voucher-25" or had >= SILVER)
        ]
        if affordable:
            option = rng.choice(affordable)
            spent += OPTIONS[option]
            yield sunday, option
