"""What a shop says of an order, and what of it can be judged without the database. Pure; money in rand."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from orders.rules import Status, order_total

ZERO = Decimal("0.00")
MOST_MONEY = Decimal("9999999999.99")
"""What numeric(12, 2) holds."""

CLOCKS_DIFFER = timedelta(minutes=5)
"""How far a shop's clock may be ahead of ours."""

WAY = (Status.PENDING, Status.PAID, Status.PROCESSING, Status.SHIPPED, Status.DELIVERED)
"""The way of an order; a shop may tell of any later place on it, leaving out those between."""

TIMES = ("placed_at", "paid_at", "processing_at", "shipped_at", "delivered_at", "cancelled_at")
"""The times of an order: of the statuses of `WAY` in their order, and of being cancelled."""

CANCELLABLE = frozenset({Status.PENDING, Status.PAID, Status.PROCESSING})


@dataclass(frozen=True, slots=True)
class ShopLine:
    """One line as a shop sells it; `discount` is all that was taken off the whole line."""

    sku: str
    name: str
    qty: int
    unit_price: Decimal
    discount: Decimal = ZERO

    @property
    def terms(self) -> tuple[str, int, Decimal, Decimal]:
        """What makes it the same line: a name may be written another way."""
        return self.sku, self.qty, self.unit_price, self.discount


@dataclass(frozen=True, slots=True)
class Sums:
    """The money of an order; one without lines has a total and nothing else."""

    subtotal: Decimal
    discount: Decimal
    shipping: Decimal
    tax: Decimal
    total: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class ShopOrder:
    """An order as a shop tells of it; what is None or missing is not told of.

    `sums` is there with `lines`, and without them where only a total is told.
    """

    number: str
    external_id: str | None = None
    phone: str | None = None
    email: str | None = None
    status: Status | None = None
    lines: tuple[ShopLine, ...] | None = None
    sums: Sums | None = None
    times: Mapping[str, datetime] = field(default_factory=dict)
    reason: str = ""

    @property
    def names_member(self) -> bool:
        return any((self.external_id, self.phone, self.email))


def sums_of(lines: Sequence[ShopLine], *, shipping: Decimal = ZERO, tax: Decimal = ZERO) -> Sums:
    """Add an order up."""
    subtotal = sum((line.qty * line.unit_price for line in lines), ZERO)
    discount = sum((line.discount for line in lines), ZERO)
    total = order_total(subtotal=subtotal, discount=discount, points_value=ZERO, shipping=shipping, tax=tax)
    return Sums(subtotal, discount, shipping, tax, total)


def only_total(total: Decimal) -> Sums:
    """Return the money of an order that is known by its total alone."""
    return Sums(ZERO, ZERO, ZERO, ZERO, total)


def wrong_lines(lines: Sequence[ShopLine]) -> Iterator[tuple[int, str, str]]:
    """Say (line from 0, field, what is wrong) of lines whose money is out of range."""
    for index, line in enumerate(lines):
        line_total = line.qty * line.unit_price
        if line_total > MOST_MONEY:
            yield index, "qty", f"The line costs more than {MOST_MONEY}."
        elif line.discount > line_total:
            yield index, "discount", f"The line costs {line_total}."


def wrong_sums(sums: Sums, given: Mapping[str, Decimal]) -> Iterator[tuple[str, str]]:
    """Say (field, what is wrong) of sums that were given and are not what the parts add up to."""
    for name, amount in given.items():
        computed = getattr(sums, name)
        if amount != computed:
            yield name, f"The parts add up to {computed}."
    if max(sums.subtotal, sums.total) > MOST_MONEY:
        yield "total", f"More than {MOST_MONEY}."


def wrong_times(status: Status, times: Mapping[str, datetime], *, now: datetime) -> Iterator[tuple[str, str]]:
    """Say (field, what is wrong) of times of an order that is, or becomes, `status`.

    None is in the future, none belongs to a status that was not reached, and they follow each other.
    """
    last = times.get("placed_at")
    for name in TIMES[1:]:
        moment = times.get(name)
        if moment is None:
            continue
        if not _had(status, name):
            yield name, f"The order is {status}."
        if last is not None and moment < last:
            yield name, "Before the step that comes before it."
        last = moment
    for name, moment in times.items():
        if moment > now + CLOCKS_DIFFER:
            yield name, "In the future."


def _had(status: Status, name: str) -> bool:
    """Say whether an order that is `status` can have had the step whose time is `name`."""
    if name == "cancelled_at":
        return status is Status.CANCELLED
    reached = CANCELLABLE if status is Status.CANCELLED else WAY[: place(status) + 1]
    return WAY[TIMES.index(name)] in reached


def place(status: Status) -> int:
    """Return how far on `WAY` an order is; one that came back had been delivered."""
    return WAY.index(status) if status in WAY else len(WAY) - 1


def may_become(current: Status, told: Status) -> bool:
    """Say whether an order may go on to a status: forward, over any number of steps, or cancelled in time."""
    if told is Status.CANCELLED:
        return current in CANCELLABLE
    return current in WAY and place(told) > place(current)


def is_there(current: Status, told: Status) -> bool:
    """Say whether what is told is where the order is: what came back had been delivered, too."""
    return current is told or (
        told is Status.DELIVERED and current in (Status.PARTIALLY_RETURNED, Status.RETURNED)
    )


def statuses_passed(current: Status | None, told: Status) -> list[Status]:
    """Return the statuses that an order reaches on its way, the last one too; None is before the first."""
    if told is Status.CANCELLED:
        return [*([] if current else [Status.PENDING]), told]
    return list(WAY[0 if current is None else place(current) + 1 : place(told) + 1])


def filled_times(told: Mapping[str, datetime], status: Status, *, now: datetime) -> dict[str, datetime]:
    """Return the times of a new order, with those of being placed and of its status where they are missing.

    A shop's clock that is ahead is put back to now.
    """
    times = {name: min(moment, now) for name, moment in told.items()}
    times.setdefault("placed_at", min([*times.values(), now]))
    reached = "cancelled_at" if status is Status.CANCELLED else TIMES[place(status)]
    times.setdefault(reached, now)
    return times
