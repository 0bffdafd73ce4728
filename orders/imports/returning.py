"""Giving staged returns to the orders that they came from."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from orders.contracts import ReturnableLine, ReturnRow
from orders.imports.chunks import SHOP, Chunk, StagedRow
from orders.imports.delivering import IMPORTER
from orders.imports.models import ImportReject
from orders.imports.shifting import moved
from orders.models import OrderItem, OrderReturn
from orders.services.bulk_returns import record_returns
from orders.services.returnable import lock_returnable_lines


@dataclass(slots=True)
class _Left:
    """A line, and how many pieces the rows before this one have left of it."""

    line: ReturnableLine
    pieces: int


@dataclass(slots=True)
class _Return:
    """What a credit note takes back of one order: pieces by order item, and the time of its last row."""

    at: datetime
    pieces: Counter[int] = field(default_factory=Counter)


def store_returns(chunk: Chunk, *, zone: ZoneInfo, now: datetime) -> None:
    """Store the chunk's returns, and reject the rows that found nothing to return or not enough.

    In the file's order, each row goes to the member's lines of its item in orders placed before it: newest
    order first (of two placed at the same moment the one stored last), within an order the last line first,
    as far as something is left of each. A credit note becomes one return in every order that it reaches; one
    whose rows are scattered over the file is taken whole where it begins. Its time is moved like the orders',
    at most to `now`. A credit note that the member's imported orders have already is passed over. The number
    of statements does not depend on the chunk's size.
    """
    file = chunk.file
    owners = _owners(chunk.rows)
    left = _left({owners[row.member, row.item] for row in chunk.rows if (row.member, row.item) in owners})
    known = _known(chunk.rows)
    returns: dict[tuple[int, str], _Return] = {}
    rejects = []
    for row in sorted(chunk.rows, key=lambda row: row.line):
        if (row.member, row.reference) in known:
            continue
        at = moved(row.at, file.shift, zone)
        missing = row.qty
        for candidate in left.get(owners.get((row.member, row.item), _NOBODY), ()):
            pieces = min(missing, candidate.pieces)
            if not pieces or candidate.line.placed_at >= at:
                continue
            candidate.pieces -= pieces
            missing -= pieces
            key = candidate.line.order_id, row.reference
            found = returns.setdefault(key, _Return(at))
            found.at = max(found.at, at)
            found.pieces[candidate.line.item_id] += pieces
        if missing:
            rejects.append(ImportReject(file=file, line=row.line, reason=_reason(row, missing)))
    ImportReject.objects.bulk_create(rejects)
    file.made += record_returns(
        (
            ReturnRow(
                order_id=order_id,
                reference=reference,
                lines=tuple(sorted(found.pieces.items())),
                at=min(found.at, now),
                reason=f"Imported from {file.name}",
            )
            for (order_id, reference), found in returns.items()
        ),
        actor=IMPORTER,
    )
    file.pieces += sum(found.pieces.total() for found in returns.values())


_NOBODY = (0, 0)


def _owners(rows: list[StagedRow]) -> dict[tuple[str, str], tuple[int, int]]:
    """Find the (user id, product id) of every (member, item) that some order has."""
    found = OrderItem.objects.filter(
        order__user__external_id__in={row.member for row in rows}, product__sku__in={row.item for row in rows}
    )
    pairs = found.values_list("order__user__external_id", "product__sku", "order__user_id", "product_id")
    return {
        (str(member), item): (user_id, product_id)
        for member, item, user_id, product_id in pairs.order_by().distinct()
    }


def _left(pairs: set[tuple[int, int]]) -> Mapping[tuple[int, int], list[_Left]]:
    """Lock what the (user id, product id) pairs can still return, in the order in which it is taken."""
    lines = sorted(
        lock_returnable_lines(pairs),
        key=lambda line: (line.placed_at, line.order_id, line.item_id),
        reverse=True,
    )
    left = defaultdict(list)
    for line in lines:
        left[line.user_id, line.product_id].append(_Left(line, line.left))
    return left


def _known(rows: list[StagedRow]) -> set[tuple[str, str]]:
    """Find the (member, credit note) pairs that an earlier file brought."""
    found = OrderReturn.objects.filter(
        reference__in={row.reference for row in rows},
        order__shop=SHOP,
        order__user__external_id__in={row.member for row in rows},
    )
    return {
        (str(member), reference)
        for member, reference in found.values_list("order__user__external_id", "reference")
    }


def _reason(row: StagedRow, missing: int) -> str:
    if missing == row.qty:
        return f"no earlier order of member {row.member} has anything of item {row.item} left to return"
    return (
        f"{row.qty - missing} of {row.qty} pieces returned: earlier orders of member {row.member} have "
        f"no more of item {row.item}"
    )
