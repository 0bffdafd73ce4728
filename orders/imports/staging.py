"""Bringing a file's usable rows into the database, so that its orders can be taken from there one by one."""

import csv
import io
from collections.abc import Callable, Iterator
from copy import copy
from datetime import datetime
from itertools import islice
from zoneinfo import ZoneInfo

from django.db import connection, transaction

from orders.imports.files import Record, SourceFile, UnusableFile
from orders.imports.models import FileKind, ImportFile
from orders.imports.rows import MOST_MONEY, Columns, RowReader, UnusableRow
from orders.imports.shifting import shift_to

_BATCH = 20_000


@transaction.atomic
def stage(
    wanted: ImportFile, source: SourceFile, *, zone: ZoneInfo, at: datetime, seen: Callable[[], None]
) -> ImportFile:
    """Stage the usable rows of `source`, keep the others as rejects, and store the file's shift and figures.

    All of it or nothing: whoever is stopped begins anew. An orders file gets a shift, a returns file has that
    of its orders. `seen` is called now and then.

    Raises:
        UnusableFile: it is empty, damaged, or no CSV of the kind.
    """
    latest = at if wanted.keep_dates else None
    reader = RowReader(columns_of(source, wanted.kind), zone=zone, latest=latest)
    file = _stored(wanted)
    records = source.records()
    next(records)
    while _copy_batch(file, islice(records, _BATCH), reader):
        seen()
    with connection.cursor() as cursor:
        if file.kind == FileKind.ORDERS:
            cursor.execute(_REJECT_STRAYS, [file.pk])
            cursor.execute(_REJECT_TOO_MUCH, {"file": file.pk, "most": MOST_MONEY})
        cursor.execute(_MAKE_DOCUMENTS, [file.pk])
        # The chunks ask for a few of these rows at a time; unknown sizes would make each a full scan.
        cursor.execute("ANALYZE order_import_rows, order_import_documents")
        cursor.execute(_COUNT, {"file": file.pk})
        file.documents, file.rows, file.members, newest, file.products, file.amount = cursor.fetchone()
    if file.kind == FileKind.ORDERS and newest is not None and not file.keep_dates:
        file.shift = shift_to(at, newest, zone)
    file.save()
    return file


def _stored(wanted: ImportFile) -> ImportFile:
    """Insert a copy: when this transaction fails, the next try starts from what was wanted again."""
    file = copy(wanted)
    file.save(force_insert=True)
    return file


def columns_of(source: SourceFile, kind: str) -> Columns:
    """Read the header of a file that should be of this kind.

    Raises:
        UnusableFile: it is empty, damaged, or no CSV of the kind.
    """
    header = next(source.records())
    try:
        if header.fault:
            raise UnusableFile(header.fault)
        return Columns.found_in(header.fields, kind)
    except UnusableFile as error:
        raise UnusableFile(f"{source.path} is no CSV file of {kind}: {error}") from None


def unstage(file: ImportFile) -> None:
    """Delete what `stage` brought, except for the rejects."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM order_import_rows WHERE file_id = %s", [file.pk])
        cursor.execute("DELETE FROM order_import_documents WHERE file_id = %s", [file.pk])


def _copy_batch(file: ImportFile, records: Iterator[Record], reader: RowReader) -> bool:
    """Copy the next records; return whether there were any."""
    usable, rejects = io.StringIO(), io.StringIO()
    write_row, write_reject = csv.writer(usable).writerow, csv.writer(rejects).writerow
    line = None
    for line, fields, fault in records:
        try:
            if fault:
                raise UnusableRow(fault)
            row = reader.read(fields)
        except UnusableRow as reason:
            write_reject((file.pk, line, reason))
        else:
            write_row((file.pk, line, *row))
    with connection.cursor() as cursor:
        for statement, buffer in ((_COPY_ROWS, usable), (_COPY_REJECTS, rejects)):
            if buffer.tell():
                buffer.seek(0)
                cursor.copy_expert(statement, buffer)
    return line is not None


_COPY_ROWS = """
COPY order_import_rows (file_id, line, member, item, at, reference, qty, price, name)
FROM STDIN WITH (FORMAT csv, FORCE_NOT_NULL (member, item, reference, name))
"""
_COPY_REJECTS = "COPY order_import_rejects (file_id, line, reason) FROM STDIN WITH (FORMAT csv)"

# An order is its first row's member's: rows of others are refused, not the order.
_REJECT_STRAYS = """
WITH first AS (
    SELECT DISTINCT ON (file_id, reference) file_id, reference, line, member
    FROM order_import_rows WHERE file_id = %s ORDER BY file_id, reference, line
), stray AS (
    DELETE FROM order_import_rows AS staged USING first
    WHERE staged.file_id = first.file_id AND staged.reference = first.reference
      AND staged.member <> first.member
    RETURNING staged.file_id, staged.line,
              format('order %%s is member %%s''s, by line %%s', first.reference, first.member, first.line)
)
INSERT INTO order_import_rejects (file_id, line, reason) SELECT * FROM stray
"""

_REJECT_TOO_MUCH = """
WITH big AS (
    SELECT reference FROM order_import_rows WHERE file_id = %(file)s
    GROUP BY reference HAVING sum(qty * price) > %(most)s
), refused AS (
    DELETE FROM order_import_rows AS staged USING big
    WHERE staged.file_id = %(file)s AND staged.reference = big.reference
    RETURNING staged.file_id, staged.line,
              format('order %%s comes to more than %%s', staged.reference, %(most)s)
)
INSERT INTO order_import_rejects (file_id, line, reason) SELECT * FROM refused
"""

_MAKE_DOCUMENTS = """
INSERT INTO order_import_documents (file_id, position, reference, member, first_at, last_at, rows)
SELECT file_id, min(line), reference, min(member), min(at), max(at), count(*)
FROM order_import_rows WHERE file_id = %s
GROUP BY file_id, reference
"""

_COUNT = """
SELECT document.*, staged.*
FROM (
    SELECT count(*), coalesce(sum(rows), 0)::bigint, count(DISTINCT member), max(last_at)
    FROM order_import_documents WHERE file_id = %(file)s
) AS document, (
    SELECT count(DISTINCT item), coalesce(sum(qty * price), 0)
    FROM order_import_rows WHERE file_id = %(file)s
) AS staged
"""
