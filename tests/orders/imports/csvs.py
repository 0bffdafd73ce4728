"""Small files to import, and running the command on them."""

import csv
import gzip
import io
from collections.abc import Iterable
from pathlib import Path

from django.conf import settings
from django.core.management import call_command

ORDERS = "user_id,item_id,timestamp,order_id,qty,price,item_name"
RETURNS = "user_id,item_id,timestamp,credit_note,qty,price"


def write(path: Path, header: str, rows: Iterable[str], *, zipped: bool = False) -> Path:
    """A file of these rows, as text."""
    content = "".join(f"{row}\n" for row in (header, *rows)).encode()
    path.write_bytes(gzip.compress(content) if zipped else content)
    return path


def orders_file(folder: Path, *rows: str, name: str = "orders.csv") -> Path:
    return write(folder / name, ORDERS, rows)


def returns_file(folder: Path, *rows: str, name: str = "returns.csv") -> Path:
    return write(folder / name, RETURNS, rows)


def run_import(path: Path, returns: Path | None = None, *, keep_dates: bool = False) -> list[str]:
    """Run the command; return the lines that it prints, without the seconds and rates of its phases."""
    output = io.StringIO()
    call_command("import_orders", path, returns=returns, keep_dates=keep_dates, stdout=output)
    return [line for line in output.getvalue().splitlines() if " s (" not in line]


def rejects_of(path: Path) -> list[tuple[int, str, str]] | None:
    """(line, reason, row) of the file's rejects; None when there is no rejects file."""
    target = Path(settings.DATA_DIR) / f"{path.name}.rejects.csv"
    if not target.exists():
        return None
    with target.open(newline="", encoding="utf-8") as text:
        header, *rows = csv.reader(text)
    assert header == ["line", "reason", "row"]
    return [(int(line), reason, row) for line, reason, row in rows]
