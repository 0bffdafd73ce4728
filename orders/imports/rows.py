"""What a usable row is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from orders.imports.files import UnusableFile
from orders.imports.models import FileKind

COLUMNS: dict[str, tuple[str, ...]] = {
    FileKind.ORDERS: ("user_id", "item_id", "timestamp", "order_id", "qty", "price", "item_name"),
    FileKind.RETURNS: ("user_id", "item_id", "timestamp", "credit_note", "qty", "price"),
}

MOST_MONEY = Decimal("9999999999.99")
"""What the money columns of orders hold, in rand."""

# As long as users.external_id, products.sku and orders.number or order_returns.reference.
_LONGEST_IDS = (100, 64, 64)
_LONGEST_NAME = 1000
_MOST_PIECES = 2_147_483_647
_FIRST_YEAR, _LAST_YEAR = 1970, 2199


class UnusableRow(Exception):
    """The row cannot be imported; the message says why."""


class Row(NamedTuple):
    """A usable row; `reference` is the order's or the credit note's number, `price` that of one piece."""

    member: str
    item: str
    at: datetime
    reference: str
    qty: int
    price: Decimal
    name: str


@dataclass(frozen=True, slots=True)
class Columns:
    """Where a file has what: a kind's columns, the place of each in a row, and how many columns rows have."""

    names: tuple[str, ...]
    places: tuple[int, ...]
    width: int

    @classmethod
    def found_in(cls, header: Sequence[str], kind: str) -> "Columns":
        """Find the columns by their names, in any order and among others.

        Raises:
            UnusableFile: a column is missing.
        """
        names = [name.strip() for name in header]
        needed = COLUMNS[kind]
        if missing := [column for column in needed if column not in names]:
            raise UnusableFile(f"it has no column {', '.join(missing)}; needed are {', '.join(needed)}")
        return cls(needed, tuple(names.index(column) for column in needed), len(names))


class RowReader:
    """Turns the fields of one file's rows into `Row`s."""

    def __init__(self, columns: Columns, *, zone: ZoneInfo, latest: datetime | None = None) -> None:
        """Times are local times of `zone`; rows later than `latest` are refused."""
        self._columns = columns
        self._ids = [columns.names[place] for place in (0, 1, 3)]
        self._zone = zone
        self._latest = latest

    def read(self, fields: Sequence[str]) -> Row:
        """Return the row of these fields.

        Raises:
            UnusableRow: with the reason.
        """
        if len(fields) != self._columns.width:
            raise UnusableRow(f"it has {len(fields)} columns instead of {self._columns.width}")
        values = [fields[place].strip() for place in self._columns.places]
        member, item, moment, reference, qty, price, *name = values
        for column, value, longest in zip(self._ids, (member, item, reference), _LONGEST_IDS, strict=True):
            if not value:
                raise UnusableRow(f"{column} is empty")
            if len(value) > longest:
                raise UnusableRow(f"{column} is longer than {longest} characters")
        if name and len(name[0]) > _LONGEST_NAME:
            raise UnusableRow(f"item_name is longer than {_LONGEST_NAME} characters")
        at = _moment(moment, self._zone)
        if self._latest is not None and at > self._latest:
            raise UnusableRow(f"timestamp {moment} is in the future")
        row = Row(member, item, at, reference, _pieces(qty), _price(price), name[0] if name else "")
        if row.qty * row.price > MOST_MONEY:
            raise UnusableRow(f"qty × price is more than {MOST_MONEY}")
        return row


# Rows repeat times, quantities and prices: remembering the last few thousand saves most of the parsing.


@lru_cache(maxsize=4096)
def _moment(text: str, zone: ZoneInfo) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    # A date alone would be read as midnight.
    if moment is None or len(text) < len("2010-12-01T08:26"):
        raise UnusableRow(f"timestamp {_shown(text)} is no local time like 2010-12-01T08:26:00")
    if moment.tzinfo is not None:
        raise UnusableRow(f"timestamp {text} has a zone; local times have none")
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        raise UnusableRow(f"timestamp {text} is not between {_FIRST_YEAR} and {_LAST_YEAR}")
    return moment.replace(tzinfo=zone)


@lru_cache(maxsize=4096)
def _pieces(text: str) -> int:
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdecimal()):
        raise UnusableRow(f"qty {_shown(text)} is no whole number")
    if text.startswith("-") or not digits.strip("0"):
        raise UnusableRow(f"qty {_shown(text)} is not above 0")
    if len(digits.lstrip("0")) > 10 or int(digits) > _MOST_PIECES:
        raise UnusableRow(f"qty {_shown(text)} is more than {_MOST_PIECES}")
    return int(digits)


@lru_cache(maxsize=4096)
def _price(text: str) -> Decimal:
    whole, _, cents = text.removeprefix("-").partition(".")
    if not (f"{whole}{cents}".isascii() and whole.isdecimal() and (cents or "0").isdecimal()):
        raise UnusableRow(f"price {_shown(text)} is no amount like 4.25")
    if text.startswith("-"):
        raise UnusableRow(f"price {_shown(text)} is below 0")
    if len(cents.rstrip("0")) > 2:
        raise UnusableRow(f"price {_shown(text)} has more than two decimals")
    if len(whole.lstrip("0")) > 10:
        raise UnusableRow(f"price {_shown(text)} is more than {MOST_MONEY}")
    return Decimal(f"{whole}.{cents[:2] or 0}")


def _shown(text: str) -> str:
    return f"'{text[:40]}{'…' if len(text) > 40 else ''}'"
