"""Storing staged orders as delivered ones, and before them their members and products."""

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby, islice
from operator import attrgetter
from typing import TypeVar
from zoneinfo import ZoneInfo

from django.db.models import BooleanField, ExpressionWrapper, Min, Q

from accounts.contracts import MemberRow
from accounts.facade import ensure_members
from catalog.contracts import ProductRow
from catalog.facade import ensure_products
from core.contracts import Actor
from orders.contracts import DeliveredOrder, PricedLine
from orders.imports.chunks import SHOP, Chunk
from orders.imports.models import ImportDocument, ImportFile, ImportRow
from orders.imports.shifting import moved
from orders.services.bulk import record_delivered_orders

IMPORTER = Actor("import")
_BATCH = 2000

_Row = TypeVar("_Row")


def make_members(file: ImportFile, *, zone: ZoneInfo, made: Callable[[int], None]) -> None:
    """Make the members of an orders file who are not there yet, joined at their first order.

    Safe to repeat. `made` is told how many there are so far.
    """
    members = (
        ImportDocument.objects.filter(file=file)
        .values_list("member")
        .annotate(Min("first_at"))
        .order_by("member")
        .iterator(chunk_size=_BATCH)
    )
    count = 0
    for batch in _batches(members):
        ensure_members(
            MemberRow(external_id=member, joined_at=moved(first_at, file.shift, zone))
            for member, first_at in batch
        )
        count += len(batch)
        made(count)


def make_products(file: ImportFile, *, made: Callable[[int], None]) -> None:
    """Make the products of an orders file that are not there yet.

    Name and price are those of the newest row that has a name. Safe to repeat. `made` is told how many there
    are so far.
    """
    products = (
        ImportRow.objects.filter(file=file)
        .annotate(nameless=ExpressionWrapper(Q(name=""), output_field=BooleanField()))
        .order_by("item", "nameless", "-at", "-line")
        .distinct("item")
        .values_list("item", "name", "price")
        .iterator(chunk_size=_BATCH)
    )
    count = 0
    for batch in _batches(products):
        ensure_products(ProductRow(item, name or item, price) for item, name, price in batch)
        count += len(batch)
        made(count)


def store_orders(chunk: Chunk, *, zone: ZoneInfo) -> None:
    """Store the chunk's orders, placed at their first time and delivered at their last.

    An order that is there stays as it is. The number of statements does not depend on the chunk's size.
    """
    file = chunk.file
    members = ensure_members(
        MemberRow(external_id=document.member, joined_at=moved(document.first_at, file.shift, zone))
        for document in chunk.documents
    )
    product_of = {row.item: ProductRow(row.item, row.name or row.item, row.price) for row in chunk.rows}
    products = ensure_products(product_of.values())
    rows = groupby(chunk.rows, key=attrgetter("position"))
    made = record_delivered_orders(
        [
            DeliveredOrder(
                shop=SHOP,
                number=document.reference,
                user_id=members[document.member],
                placed_at=moved(document.first_at, file.shift, zone),
                delivered_at=moved(document.last_at, file.shift, zone),
                lines=tuple(PricedLine(products[row.item], row.qty, row.price) for row in lines),
            )
            for document, (_, lines) in zip(chunk.documents, rows, strict=True)
        ],
        actor=IMPORTER,
        reason=f"Imported from {file.name}",
    )
    file.made += len(made)


def _batches(rows: Iterable[_Row]) -> Iterator[list[_Row]]:
    remaining = iter(rows)
    while batch := list(islice(remaining, _BATCH)):
        yield batch
