"""Taking a staged file's orders or credit notes a chunk at a time."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from django.db import connection, transaction

from orders.imports.models import ImportDocument, ImportFile

SHOP = "import"
"""The shop of all imported orders, which makes their numbers unique."""

# A chunk holds this many documents and rows at most, or one longer document alone.
_DOCUMENTS = 1000
_ROWS = 10_000


class StagedRow(NamedTuple):
    """A row as it was staged; `position` is that of its document."""

    position: int
    line: int
    reference: str
    member: str
    item: str
    at: datetime
    qty: int
    price: Decimal
    name: str


@dataclass(frozen=True, slots=True)
class Chunk:
    """The next documents of a file, by position, and their rows, by position and line."""

    file: ImportFile
    documents: list[ImportDocument]
    rows: list[StagedRow]


@transaction.atomic
def store_next_chunk(file_id: int, store: Callable[[Chunk], None]) -> int:
    """Have `store` write the next chunk, in the transaction that moves the file's position; return its rows.

    0 when the file is through. The file's row is locked and its position read under the lock, so whatever was
    stopped or runs beside, every chunk is stored once. `store` may change the file's counters.
    """
    file = ImportFile.objects.select_for_update().get(pk=file_id)
    documents = _next_documents(file)
    if not documents:
        return 0
    chunk = Chunk(file, documents, _rows_of(file, documents))
    store(chunk)
    file.position = documents[-1].position
    file.save(update_fields=["position", "made", "pieces", "updated_at"])
    return len(chunk.rows)


def _next_documents(file: ImportFile) -> list[ImportDocument]:
    found = ImportDocument.objects.filter(file=file, position__gt=file.position).order_by("position")
    documents: list[ImportDocument] = []
    rows = 0
    for document in found[:_DOCUMENTS]:
        rows += document.rows
        if documents and rows > _ROWS:
            break
        documents.append(document)
    return documents


def _rows_of(file: ImportFile, documents: list[ImportDocument]) -> list[StagedRow]:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT document.position, staged.line, staged.reference, staged.member, staged.item, staged.at,
                   staged.qty, staged.price, staged.name
            FROM order_import_documents AS document
            JOIN order_import_rows AS staged USING (file_id, reference)
            WHERE document.file_id = %s AND document.position BETWEEN %s AND %s
            ORDER BY document.position, staged.line
            """,
            [file.pk, documents[0].position, documents[-1].position],
        )
        return [StagedRow(*row) for row in cursor.fetchall()]
