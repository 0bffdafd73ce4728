"""What a demonstration shop consists of. Money is in rand; every time has the shop's zone."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from random import Random
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Africa/Johannesburg")
ZERO = Decimal("0.00")
SEED, MEMBERS, PRODUCTS = 2026, 300, 200
VISITOR = "demo-0000"
"""The key of the member as whom a visitor signs in: the only one with a password."""


@dataclass(frozen=True, slots=True)
class Plan:
    """All that a shop depends on: the same plan makes the same shop. Nothing in it happens after `until`."""

    anchor: date
    seed: int = SEED
    members: int = MEMBERS
    products: int = PRODUCTS

    @property
    def until(self) -> datetime:
        """The midnight with which the anchor's day begins."""
        return at(self.anchor, time.min)

    def rng(self, *name: object) -> Random:
        """Return a stream of random numbers of its own, so that one part's draws don't shift another's."""
        return Random(f"{self.seed}/{self.anchor}/{name}")  # noqa: S311  make-believe, not secrets


@dataclass(frozen=True, slots=True)
class Category:
    slug: str
    name: str
    parent: str | None


@dataclass(frozen=True, slots=True)
class Product:
    sku: str
    name: str
    price: Decimal
    category: str


@dataclass(frozen=True, slots=True)
class Member:
    key: str
    username: str
    first_name: str
    last_name: str
    joined_at: datetime


@dataclass(frozen=True, slots=True)
class Line:
    """`discount` is off the whole line."""

    sku: str
    qty: int
    unit_price: Decimal
    discount: Decimal = ZERO

    @property
    def total(self) -> Decimal:
        return self.qty * self.unit_price

    @property
    def net(self) -> Decimal:
        return self.total - self.discount


@dataclass(frozen=True, slots=True)
class Order:
    """A purchase and the times at which it reached each status, in their order.

    `by_steps` is one whose steps are worth having one by one; `with_voucher` is paid in part by whatever
    voucher the member then has.
    """

    number: str
    member: str
    lines: tuple[Line, ...]
    shipping: Decimal
    reached: Mapping[str, datetime]
    by_steps: bool = False
    with_voucher: bool = False

    @property
    def placed_at(self) -> datetime:
        return self.reached["pending"]

    @property
    def delivered_at(self) -> datetime | None:
        return self.reached.get("delivered")

    @property
    def status(self) -> str:
        return list(self.reached)[-1]

    @property
    def discount(self) -> Decimal:
        return sum((line.discount for line in self.lines), ZERO)

    @property
    def net(self) -> Decimal:
        """What the goods cost: without shipping, after discounts, before a voucher."""
        return sum((line.net for line in self.lines), ZERO)


@dataclass(frozen=True, slots=True)
class Step:
    """An order reaching a status."""

    order: Order
    status: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Return:
    """Goods of a delivered order that came back; `pieces` are (SKU, quantity)."""

    order: Order
    reference: str
    pieces: tuple[tuple[str, int], ...]
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Review:
    """`moderated_at` is None while nobody has read it."""

    member: str
    sku: str
    rating: int
    text: str
    at: datetime
    moderated_at: datetime | None
    is_approved: bool


@dataclass(frozen=True, slots=True)
class Redemption:
    """A member turning points into a voucher; `key` names it for ever."""

    key: str
    member: str
    option: str
    points: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Adjustment:
    """Points given or taken by hand."""

    key: str
    member: str
    points: int
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Week:
    """What happened in a week, which has an order that the books can follow.

    Parcels arrive Monday to Friday; on Saturday goods are taken back, then reviews are read; on Sunday
    members redeem. `delivered` are orders that are stored as a whole, `steps` those of the others.
    """

    monday: date
    delivered: tuple[Order, ...] = ()
    steps: tuple[Step, ...] = ()
    returns: tuple[Return, ...] = ()
    reviews: tuple[Review, ...] = ()
    redemptions: tuple[Redemption, ...] = ()
    adjustments: tuple[Adjustment, ...] = ()


@dataclass(frozen=True, slots=True)
class Shop:
    """Parents stand before their children in `categories`; `weeks` are in the order of time until `until`."""

    until: datetime
    categories: tuple[Category, ...]
    products: tuple[Product, ...]
    members: tuple[Member, ...]
    weeks: tuple[Week, ...]


def at(day: date, clock: time) -> datetime:
    """Return a moment in the shop's zone."""
    return datetime.combine(day, clock, tzinfo=ZONE)
