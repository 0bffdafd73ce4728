"""Writing down what could not be used."""

import csv
import os
from pathlib import Path

from django.conf import settings

from orders.imports.files import SourceFile
from orders.imports.models import ImportFile, ImportReject

_BATCH = 5000


def rejects_path(source: SourceFile) -> Path:
    """Return where the rejects of a file are written: in the data directory, for its own may be read-only."""
    return Path(settings.DATA_DIR) / f"{source.name}.rejects.csv"


def write_rejects(file: ImportFile, source: SourceFile) -> int:
    """Write the rejected rows by line: number, reason, and the line as it is in the file; return how many.

    Bytes that are not UTF-8 are shown as `\\xff`. Without rejects there is no such file.
    """
    target = rejects_path(source)
    rejects = ImportReject.objects.filter(file=file).order_by("line").values_list("line", "reason")
    draft = target.with_name(f"{target.name}.{os.getpid()}")
    count = 0
    lines = enumerate(source.lines(), start=1)
    try:
        with draft.open("w", newline="", encoding="utf-8") as text:
            writer = csv.writer(text)
            writer.writerow(("line", "reason", "row"))
            for rejected, reason in rejects.iterator(chunk_size=_BATCH):
                row = next(line for number, line in lines if number == rejected)
                writer.writerow((rejected, reason, _shown(row)))
                count += 1
        if count:
            draft.replace(target)
        else:
            target.unlink(missing_ok=True)
    finally:
        draft.unlink(missing_ok=True)
    return count


def _shown(line: bytes) -> str:
    return line.decode(errors="backslashreplace").rstrip("\r\n").replace("\0", "\\x00")
