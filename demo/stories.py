"""Who the members are: how much each of them buys, and the few whose story is written out."""

import math
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from demo.people import draw_names
from demo.seasons import DAY, SATURDAY, SUNDAY, draw_time, last_before, years_before
from demo.shop import VISITOR, Member, Plan

USERNAME = "thandi"
"""What the visitor's member is called."""

YEAR = 53 * 7 * DAY  # and a week, so that every month is in it
# A heavy tail (Pareto): half of the members buy a few times a year, one in a hundred several times a week.
_FEWEST_ORDERS, _TAIL, _MOST_ORDERS = 1.7, 1.05, 120
_REGULAR = 12
# Every so many members took part in the programme's pilot, two years ago.
_PILOT_EVERY, _PILOT = 12, 8
# Who was about to pay when the story ends, and who waits for something that is being looked for.
_UNPAID, _WAITING = (4, 5, 6), (7,)


@dataclass(frozen=True, slots=True)
class Purchase:
    """An order to be made: goods for at least `worth` rand, or a basket as it comes."""

    on: date
    worth: int | None = None
    returned_on: date | None = None  # all of it
    with_voucher: bool = False
    stays: str | None = None  # the status that it does not get beyond


@dataclass(frozen=True, slots=True)
class Profile:
    """A member's habits: `orders` at some time of the year, and what is written out on top of them."""

    member: Member
    orders: int
    redeems: bool = False
    purchases: tuple[Purchase, ...] = ()
    redemptions: tuple[tuple[date, str], ...] = ()


def make_profiles(plan: Plan) -> list[Profile]:
    """Return the plan's members; the first few have the stories that a visitor should find."""
    rng = plan.rng("members")
    names = draw_names(rng, plan.members)
    written = [
        _thandi(plan),
        _debtor(plan, 1, names[1], days_ago=70),
        _debtor(plan, 2, names[2], days_ago=100),
        _undecided(plan, names[3]),
    ]
    count = plan.members - len(written)
    orders = [orders_in_a_year((rank + 0.5) / count) for rank in range(count)]
    rng.shuffle(orders)
    others = [
        _ordinary(plan, rng, number, names[number], orders[number - len(written)])
        for number in range(len(written), plan.members)
    ]
    return written + others


def orders_in_a_year(share: float) -> int:
    """Return how often somebody orders who orders more often than `share` (0 to 1) of the members."""
    return min(round(_FEWEST_ORDERS / math.pow(1 - share, 1 / _TAIL)), _MOST_ORDERS)


def _ordinary(plan: Plan, rng: Random, number: int, name: tuple[str, str], orders: int) -> Profile:
    pilot = number % _PILOT_EVERY == _PILOT
    purchases: list[Purchase] = []
    if pilot:
        joined = years_before(plan.anchor, 2) - timedelta(days=rng.randint(50, 70))
        # Points last two years: those of one half of the pilot have just expired, the others' soon will.
        first, last = (-45, -15) if number % (2 * _PILOT_EVERY) == _PILOT else (2, 18)
        purchases += [_two_years_before(plan, rng.randint(first, last), rng.randint(300, 1500))]
    else:
        # Regulars had the whole year for their orders; the others came in the course of it.
        days_ago = rng.randint(372, 400) if orders >= _REGULAR else rng.randint(20, 370)
        joined = plan.anchor - timedelta(days=days_ago)
    if number in _UNPAID:
        purchases.append(Purchase(plan.anchor - DAY, 300, stays="pending"))
    if number in _WAITING:
        purchases.append(Purchase(plan.anchor - 5 * DAY, 400, stays="processing"))
    return Profile(
        _member(plan, number, name, joined),
        orders,
        redeems=not pilot and rng.random() < 0.4,
        purchases=tuple(purchases),
    )


def _thandi(plan: Plan) -> Profile:
    """A member who has everything: points to spend and points about to expire, vouchers of every kind."""
    anchor = plan.anchor
    return Profile(
        _member(plan, 0, ("Thandi", "Nkosi"), years_before(anchor, 2) - 60 * DAY, username=USERNAME),
        orders=40,
        purchases=(
            _two_years_before(plan, 3, 4500),
            _two_years_before(plan, 12, 4500),
            Purchase(anchor - 50 * DAY, 900, with_voucher=True),
        ),
        redemptions=(
            (last_before(anchor - 150 * DAY, SUNDAY), "voucher-10"),
            (last_before(anchor - 55 * DAY, SUNDAY), "voucher-25"),
            (last_before(anchor - 7 * DAY, SUNDAY), "free-shipping"),
            (last_before(anchor, SUNDAY), "voucher-10"),
        ),
    )


def _debtor(plan: Plan, number: int, name: tuple[str, str], *, days_ago: int) -> Profile:
    """A member who bought once, spent the points, and gave everything back."""
    placed = plan.anchor - days_ago * DAY
    return Profile(
        _member(plan, number, name, placed - 20 * DAY),
        orders=0,
        purchases=(Purchase(placed, 1150, returned_on=last_before(placed + 35 * DAY, SATURDAY)),),
        redemptions=((last_before(placed + 18 * DAY, SUNDAY), "voucher-10"),),
    )


def _undecided(plan: Plan, name: tuple[str, str]) -> Profile:
    """A member whose voucher is held by an order that is not paid yet."""
    anchor = plan.anchor
    return Profile(
        _member(plan, 3, name, anchor - 200 * DAY),
        orders=4,
        purchases=(
            Purchase(anchor - 60 * DAY, 2000),
            Purchase(anchor - DAY, 600, with_voucher=True, stays="pending"),
        ),
        redemptions=((last_before(anchor - 2 * DAY, SUNDAY), "voucher-10"),),
    )


def _two_years_before(plan: Plan, days: int, worth: int) -> Purchase:
    """A purchase whose points expire some `days` after the anchor, or had expired before it."""
    return Purchase(years_before(plan.anchor + days * DAY, 2), worth)


def _member(plan: Plan, number: int, name: tuple[str, str], joined: date, *, username: str = "") -> Member:
    first, last = name
    return Member(
        key=f"demo-{number:04}" if number else VISITOR,
        username=username or f"{first}.{last}".lower(),
        first_name=first,
        last_name=last,
        joined_at=draw_time(plan.rng("joined", number), joined),
    )
