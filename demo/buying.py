"""Orders of the demonstration shop: what is in them, how they travel, what comes back."""

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import accumulate
from random import Random

from demo.seasons import (
    DAY,
    SATURDAY,
    draw_between,
    draw_time,
    first_from,
    is_black_friday_week,
    working_day,
)
from demo.shop import ZERO, Line, Order, Plan, Product, Return
from demo.stories import Profile, Purchase

LIVE = 8 * DAY
"""Younger orders go step by step; whatever is older has arrived, as a parcel takes 7 days at most."""

_SALE = Decimal("0.15")
_SHIPPING, _FREE_FROM = Decimal("60.00"), Decimal("750.00")
_CENT = Decimal("0.01")
_TRADE = 60  # who orders so often buys for a business
_NOT_PAID_AFTER = timedelta(minutes=30)
_REASONS = (
    "Arrived damaged",
    "Wrong size",
    "Not as pictured",
    "Changed my mind",
    "Ordered twice by mistake",
    "Stopped working",
)


class Shelf:
    """The products, some of them much more popular than others."""

    def __init__(self, plan: Plan, products: Sequence[Product]) -> None:
        self._products = products
        ranks = list(range(len(products)))
        plan.rng("popularity").shuffle(ranks)
        self._upto = list(accumulate((rank + 3) ** -0.7 for rank in ranks))

    def draw(self, rng: Random, count: int) -> list[Product]:
        """Draw up to `count` different products."""
        drawn = rng.choices(self._products, cum_weights=self._upto, k=count)
        return list({product.sku: product for product in drawn}.values())


def make_orders(
    plan: Plan, rng: Random, profile: Profile, purchases: Sequence[Purchase], shelf: Shelf
) -> list[tuple[Purchase, Order]]:
    """Turn a member's purchases into orders, in the order of time and numbered so."""
    placed = sorted(
        ((_placed_at(rng, purchase), purchase) for purchase in purchases), key=lambda pair: pair[0]
    )
    return [
        (purchase, _order(plan, rng, profile, purchase, shelf, placed_at, number))
        for number, (placed_at, purchase) in enumerate(placed, start=1)
    ]


def make_returns(plan: Plan, rng: Random, orders: Sequence[tuple[Purchase, Order]]) -> list[Return]:
    """Return what comes back: all of an order where its story says so, else now and then, all or a part."""
    returns = []
    for purchase, order in orders:
        arrived = order.delivered_at
        if arrived is None:
            continue
        on, whole = purchase.returned_on, True
        if purchase.worth is None and rng.random() < 0.06:
            on = first_from(arrived.date() + rng.choice((7, 14, 21)) * DAY, SATURDAY)
            whole = rng.random() < 0.3
        if on is None or on >= plan.anchor:
            continue
        returns.append(
            Return(
                order=order,
                reference=f"RET-{order.number}",
                pieces=_pieces(rng, order, whole=whole),
                reason=rng.choice(_REASONS),
                at=draw_between(rng, on, 9, 11),
            )
        )
    return returns


def _placed_at(rng: Random, purchase: Purchase) -> datetime:
    if purchase.stays == "pending":
        # In the day's last half hour: at its end the time to pay is not over.
        return draw_between(rng, purchase.on, 23, 24).replace(minute=rng.randrange(31, 60))
    return draw_time(rng, purchase.on)


def _order(
    plan: Plan,
    rng: Random,
    profile: Profile,
    purchase: Purchase,
    shelf: Shelf,
    placed_at: datetime,
    number: int,
) -> Order:
    if purchase.worth is None:
        lines = _basket(rng, shelf, profile, on_sale=is_black_friday_week(placed_at.date()))
    else:
        lines = _goods_worth(rng, shelf, Decimal(purchase.worth))
    is_live = placed_at >= plan.until - LIVE
    reached = _journey(rng, placed_at, may_fail=is_live and purchase.worth is None)
    if purchase.stays:
        reached = {status: moment for status, moment in reached.items() if moment <= reached[purchase.stays]}
    return Order(
        number=f"{profile.member.key.upper()}-{number:03}",
        member=profile.member.key,
        lines=lines,
        shipping=ZERO if sum(line.net for line in lines) >= _FREE_FROM else _SHIPPING,
        reached={status: moment for status, moment in reached.items() if moment < plan.until},
        by_steps=is_live or purchase.with_voucher,
        with_voucher=purchase.with_voucher,
    )


def _basket(rng: Random, shelf: Shelf, profile: Profile, *, on_sale: bool) -> tuple[Line, ...]:
    (count,) = rng.choices((1, 2, 3, 4), (45, 30, 17, 8))
    most = 2 if profile.orders >= _TRADE else 1
    return tuple(
        _line(product, rng.choices((1, 2, 3), (72, 21, 7))[0] * rng.randint(1, most), on_sale=on_sale)
        for product in shelf.draw(rng, count)
    )


def _goods_worth(rng: Random, shelf: Shelf, worth: Decimal) -> tuple[Line, ...]:
    """Fill a basket until it has cost at least `worth`, with nothing dearer than that."""
    lines: dict[str, Line] = {}
    missing = worth
    while missing > 0:
        (product,) = shelf.draw(rng, 1)
        if product.price <= worth and product.sku not in lines:
            lines[product.sku] = _line(product, min(math.ceil(missing / product.price), 5), on_sale=False)
            missing -= lines[product.sku].total
    return tuple(lines.values())


def _line(product: Product, qty: int, *, on_sale: bool) -> Line:
    discount = (qty * product.price * _SALE).quantize(_CENT, ROUND_HALF_UP) if on_sale else ZERO
    return Line(product.sku, qty, product.price, discount)


def _journey(rng: Random, placed_at: datetime, *, may_fail: bool) -> dict[str, datetime]:
    """Return the statuses that an order reaches, and when: by working days from the payment on."""
    fate = rng.random() if may_fail else 1.0
    reached = {"pending": placed_at}
    if fate < 0.05:
        return {**reached, "cancelled": placed_at + _NOT_PAID_AFTER}
    reached["paid"] = placed_at + timedelta(seconds=rng.randint(40, 900))
    if fate < 0.1:
        return {**reached, "cancelled": reached["paid"] + timedelta(minutes=rng.randint(20, 180))}
    packed = working_day(placed_at.date() + DAY)
    reached["processing"] = draw_between(rng, packed, 7, 10)
    sent = packed if rng.random() < 0.6 else working_day(packed + DAY)
    reached["shipped"] = draw_between(rng, sent, 14, 18)
    reached["delivered"] = draw_between(rng, working_day(sent + rng.randint(1, 3) * DAY), 9, 17)
    return reached


def _pieces(rng: Random, order: Order, *, whole: bool) -> tuple[tuple[str, int], ...]:
    if whole:
        return tuple((line.sku, line.qty) for line in order.lines)
    line = rng.choice(order.lines)
    return ((line.sku, rng.randint(1, line.qty)),)
