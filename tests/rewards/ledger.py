"""Driving a member's ledger in tests: orders made and returned, balances read, books proved."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count
from zoneinfo import ZoneInfo

from accounts.models import User
from catalog.models import Product
from core.contracts import SYSTEM
from orders.contracts import DeliveredOrder, PricedLine
from orders.models import Order
from orders.services.bulk import record_delivered_orders
from orders.services.returns import return_lines
from rewards.models import Programme
from rewards.selectors.audit import audit_ledger
from rewards.selectors.balance import Balance, balance, balance_as_of
from rewards.services.earning import accrue_orders

ZONE = ZoneInfo("Africa/Johannesburg")
DAY = timedelta(days=1)
START = datetime(2026, 3, 2, 10, 0, tzinfo=ZONE)
"""A Monday morning on which the stories of these tests begin."""

_numbers = count(1)


def day(number: float) -> datetime:
    """Return the moment `number` days after the start."""
    return START + number * DAY


def make_member(**fields: object) -> User:
    """Make a member; without a password, which would cost each test a slow hash."""
    name = f"member-{next(_numbers)}"
    return User.objects.create_user(**{"username": name, **fields})


def _product() -> Product:
    return Product.objects.get_or_create(sku="10000", defaults={"name": "Lantern", "price": 10})[0]


def deliver_order(member: User, rand: str | int, *, at: datetime, qty: int = 1, accrue: bool = True) -> Order:
    """Make a delivered order of one line that costs `rand` in all, and accrue it."""
    line = PricedLine(product_id=_product().pk, qty=qty, unit_price=Decimal(rand) / qty)
    order = DeliveredOrder(
        user_id=member.pk, number=f"T{next(_numbers)}", placed_at=at, delivered_at=at, lines=(line,)
    )
    (order_id,) = record_delivered_orders([order]).values()
    if accrue:
        accrue_orders([order_id], at=at)
    return Order.objects.get(pk=order_id)


def return_pieces(order: Order, qty: int, *, at: datetime, accrue: bool = True) -> None:
    """Return `qty` pieces of the order's only line, and reverse what they earned."""
    item = order.items.get()
    return_lines(order_id=order.pk, reference=f"R{next(_numbers)}", lines={item.pk: qty}, actor=SYSTEM, at=at)
    if accrue:
        accrue_orders([order.pk], at=at)


def set_programme(**settings: object) -> None:
    Programme.objects.update(**settings)


@dataclass(frozen=True)
class Points:
    """What a step of a story should leave: spendable, held, lifetime and owed points."""

    current: int
    pending: int
    lifetime: int
    debt: int

    @classmethod
    def of(cls, found: Balance) -> "Points":
        return cls(found.current_points, found.pending_points, found.lifetime_points, found.debt_points)


def points(member: User, at: datetime) -> Points:
    return Points.of(balance(member.pk, at=at))


def points_as_of(member: User, at: datetime) -> Points:
    return Points.of(balance_as_of(member.pk, at=at))


def assert_clean_books() -> None:
    report = audit_ledger()
    assert report.broken == ()
