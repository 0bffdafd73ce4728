"""What an import of the dataset must come to, reckoned in memory and without the project's code."""

import csv
import gzip
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

_CENT = Decimal("0.01")
_POINTS_PER_RAND = Decimal("0.1")


@dataclass(frozen=True, slots=True)
class Figures:
    """Orders, members and lines; money in rand; points before and after the returns; returns and refusals."""

    orders: int
    members: int
    lines: int
    amount: Decimal
    points_earned: int
    points_kept: int
    pieces_returned: int
    returns: int
    rejects: int


@dataclass(slots=True)
class _Line:
    order: str
    at: str
    qty: int
    price: Decimal
    left: int


def reckon(orders: Path, returns: Path) -> Figures:
    """Reckon files that are sorted by time and have no unusable rows, as the dataset's are.

    A return goes to the member's earlier lines of the item, the newest first.
    """
    lines: dict[tuple[str, str], list[_Line]] = defaultdict(list)
    members = set()
    for row in _rows(orders):
        members.add(row["user_id"])
        qty = int(row["qty"])
        line = _Line(row["order_id"], row["timestamp"], qty, Decimal(row["price"]), qty)
        lines[row["user_id"], row["item_id"]].append(line)
    made: set[tuple[str, str]] = set()
    pieces = rejects = 0
    for row in _rows(returns):
        missing = int(row["qty"])
        for line in reversed(lines.get((row["user_id"], row["item_id"]), [])):
            taken = min(missing, line.left) if line.at < row["timestamp"] else 0
            if taken:
                line.left -= taken
                missing -= taken
                pieces += taken
                made.add((row["credit_note"], line.order))
        rejects += missing > 0
    bought: dict[str, Decimal] = defaultdict(Decimal)
    kept: dict[str, Decimal] = defaultdict(Decimal)
    everything = [line for found in lines.values() for line in found]
    for line in everything:
        total = line.qty * line.price
        bought[line.order] += total
        kept[line.order] += (total * line.left / line.qty).quantize(_CENT, ROUND_HALF_UP)
    return Figures(
        orders=len(bought),
        members=len(members),
        lines=len(everything),
        amount=sum(bought.values(), Decimal(0)),
        points_earned=sum(int(amount * _POINTS_PER_RAND) for amount in bought.values()),
        points_kept=sum(int(amount * _POINTS_PER_RAND) for amount in kept.values()),
        pieces_returned=pieces,
        returns=len(made),
        rejects=rejects,
    )


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with gzip.open(path, "rt", newline="") as text:
        yield from csv.DictReader(text)
