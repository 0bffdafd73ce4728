"""Members who have bought before: orders, lots, history and vouchers, made by the services."""

import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from bench.services import Services
from orders.contracts import DeliveredOrder, PricedLine

MEMBERS = 10_000
ORDERS_EACH = 6
PRODUCTS = 1000
"""So many whose stock is counted, and so many whose isn't."""
_CHUNK = 1000


@dataclass(frozen=True, slots=True)
class Crowd:
    """Members' tokens, and a script's arguments: the tokens' file, products' first ids and numbers."""

    tokens: list[str]
    arguments: list[str]


def gather(services: Services, *, seed: int = 1) -> Crowd:
    """Make 10,000 members, each with six delivered orders of a year; a quarter have bought a voucher.

    A member has some 3,600 to 18,000 points in six lots, all tiers but the first.
    """
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    from django.db import connection
    from django.utils import timezone

    from accounts.facade import issue_access_token
    from accounts.models import User
    from core import outbox
    from orders.facade import record_delivered_orders
    from rewards.facade import redeem_option

    now, rng = timezone.now(), random.Random(seed)
    goods = make_products()
    members = [
        member.pk for member in User.objects.bulk_create(User(username=f"crowd{n}") for n in range(MEMBERS))
    ]
    products = [first + n for first, number in goods for n in range(number)]
    waiting = list(_orders(rng, members, products, now))
    for start in range(0, len(waiting), _CHUNK):
        record_delivered_orders(waiting[start : start + _CHUNK])
    if not outbox.drain(300):
        raise AssertionError("the outbox of the crowd's orders does not drain")
    for user_id in members[::4]:
        redeem_option(user_id=user_id, option_id="voucher-10", offered=100, at=now)
    connection.close()
    services.empty_redis()  # of nudges that nobody needs any more
    services.statement("VACUUM ANALYZE")
    tokens = [issue_access_token(user_id, at=now, seconds=24 * 3600) for user_id in members]
    file = services.data_dir / "crowd.txt"
    file.write_text("\n".join(tokens) + "\n")
    return Crowd(tokens, [str(file), *(str(number) for made in goods for number in made)])


def make_products() -> list[tuple[int, int]]:
    """Make products of counted stock and of stock that isn't; return the first id and the number of each."""
    from catalog.models import Product

    made = []
    for kind, is_tracked in (("C", True), ("P", False)):
        products = Product.objects.bulk_create(
            Product(
                sku=f"BENCH-{kind}-{n}",
                name=f"Product {kind} {n}",
                price=f"{10 + n % 90}.{n % 100:02}",
                stock=1_000_000_000 if is_tracked else 0,
                stock_is_tracked=is_tracked,
            )
            for n in range(PRODUCTS)
        )
        made.append((products[0].pk, len(products)))
    return made


def _orders(
    rng: random.Random, members: list[int], products: list[int], now: datetime
) -> Iterator[DeliveredOrder]:

    for n in range(ORDERS_EACH):
        for user_id in members:
            delivered = now - timedelta(days=rng.randint(1, 350), seconds=rng.randint(0, 80_000))
            # About R6,000 for the first member and R30,000 for the last.
            price = 600 + 2400 * (user_id - members[0]) // len(members) + rng.randint(-200, 200)
            yield DeliveredOrder(
                user_id=user_id,
                number=f"CROWD-{n}-{user_id}",
                placed_at=delivered - timedelta(days=2),
                delivered_at=delivered,
                lines=tuple(
                    PricedLine(product_id, qty, Decimal(price))
                    for qty, product_id in zip((2, 3, 5), rng.sample(products, 3), strict=True)
                ),
            )
