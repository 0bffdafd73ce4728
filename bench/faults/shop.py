"""The members, products, keys and files that a run begins with."""

import csv
import os
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

MEMBERS = 40
PRODUCTS = 12
OTHER_SHOP = "corner"
_SCOPES = ["members:read", "orders:write", "points:write"]
PROBES = ["probe0", "probe1"]
_FEW, _MANY = 150, 5000
_CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody with points."""

    id: int
    external_id: str
    token: str
    points: int


@dataclass(frozen=True, slots=True)
class Stocked:
    """A product; `stock` is None where nobody counts it."""

    id: int
    price: Decimal
    stock: int | None


@dataclass(frozen=True, slots=True)
class Setup:
    """What there is before the first request; `key` is of our own shop, `other_key` of another one.

    Nobody but the probes does anything for `probes`.
    """

    members: list[Member]
    probes: list[Member]
    products: list[Stocked]
    key: str
    other_key: str


def prepare(seed: str) -> Setup:
    """Make members with few points and with many, products with little stock and much, and keys."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    from django.db import connection, transaction
    from django.utils import timezone

    from accounts.facade import issue_access_token, make_key
    from accounts.models import User
    from catalog.models import Product
    from core.contracts import SYSTEM
    from orders.contracts import SHOP
    from rewards.facade import adjust_points

    rng, now = random.Random(f"{seed} shop"), timezone.now()
    members = []
    with transaction.atomic():
        names = [f"f{n}" for n in range(MEMBERS)] + PROBES
        rows = User.objects.bulk_create(User(username=name, external_id=name) for name in names)
        for row in rows:
            points = rng.choice([_FEW, _MANY, _MANY])
            adjust_points(user_id=row.pk, points=points, reason="Start", key="start", actor=SYSTEM, at=now)
            token = issue_access_token(row.pk, at=now, seconds=24 * 3600)
            members.append(Member(row.pk, row.external_id, token, points))
        products = Product.objects.bulk_create(
            Product(
                sku=f"FAULT-{n}",
                name=f"Product {n}",
                price=rng.randint(500, 40_000) * _CENT,
                stock=rng.choice([40, 400, 100_000]) if n % 3 else 0,
                stock_is_tracked=bool(n % 3),
            )
            for n in range(PRODUCTS)
        )
        keys = [
            make_key(name=f"faults {shop}", shop=shop, scopes=_SCOPES, actor=SYSTEM, at=now).key
            for shop in (SHOP, OTHER_SHOP)
        ]
    connection.close()
    return Setup(
        members[:MEMBERS],
        members[MEMBERS:],
        [Stocked(one.pk, one.price, one.stock if one.stock_is_tracked else None) for one in products],
        *keys,
    )


@dataclass(frozen=True, slots=True)
class ImportFiles:
    """An orders file with its returns file, and what they say."""

    orders: Path
    returns: Path
    lines: dict[str, list[tuple[str, int, Decimal]]]
    """By order number: SKU, pieces, price."""
    back: dict[str, dict[str, int]]
    """By order number: pieces that come back by SKU."""


def write_import(folder: Path, seed: str, number: int, *, orders: int) -> ImportFiles:
    """Write files of orders of the last weeks, each item of a member in one order alone."""
    rng = random.Random(f"{seed} import {number}")
    now = datetime.now(UTC).replace(microsecond=0, tzinfo=None)
    files = ImportFiles(folder / f"import-{number}.csv", folder / f"returns-{number}.csv", {}, {})
    with files.orders.open("w", newline="") as plain, files.returns.open("w", newline="") as back:
        bought, returned = csv.writer(plain), csv.writer(back)
        bought.writerow(["user_id", "item_id", "timestamp", "order_id", "qty", "price", "item_name"])
        returned.writerow(["user_id", "item_id", "timestamp", "credit_note", "qty", "price"])
        for n in range(orders):
            order, member = f"I{number}-{n}", f"f{rng.randrange(MEMBERS)}"
            at = now - timedelta(days=20) + timedelta(minutes=n)
            lines = files.lines.setdefault(order, [])
            for place in range(rng.randint(1, 4)):
                sku, qty = f"{order}-{place}", rng.randint(1, 5)
                price = rng.randint(100, 30_000) * _CENT
                lines.append((sku, qty, price))
                bought.writerow([member, sku, at.isoformat(), order, qty, price, f"Thing {place}"])
                if rng.random() < 0.15:
                    some = rng.randint(1, qty)
                    files.back.setdefault(order, {})[sku] = some
                    later = (at + timedelta(days=2)).isoformat()
                    returned.writerow([member, sku, later, f"C{order}-{place}", some, price])
    return files


def bearer(member: Member) -> str:
    return f"Bearer {member.token}"


def by_key(key: str) -> str:
    return f"Api-Key {key}"


def money(amount: Decimal) -> str:
    return f"{amount:.2f}"


def shop_line(rng: random.Random) -> dict[str, Any]:
    """Make a line as another shop sells it."""
    sku, qty, price = f"S{rng.randrange(60)}", rng.randint(1, 4), rng.randint(100, 50_000) * _CENT
    line = {"sku": sku, "name": f"Thing {sku}", "qty": qty, "unit_price": money(price)}
    if rng.random() < 0.3:
        line["discount"] = money((price * qty / 10).quantize(_CENT))
    return line


def line_cost(line: dict[str, Any]) -> Decimal:
    return line["qty"] * Decimal(line["unit_price"]) - Decimal(line.get("discount", 0))
