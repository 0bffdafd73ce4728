"""`manage.py import_orders FILE [--returns FILE] [--keep-dates]`."""

import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from core.progress import Display
from orders.imports.files import UnusableFile
from orders.imports.models import FileKind
from orders.imports.rows import COLUMNS
from orders.imports.running import ImportedFile, run_import

_INTERRUPTED = 130


class Command(BaseCommand):
    help = (
        "Import delivered orders, and what came back of them, from CSV files (gzip or plain). "
        f"Columns of orders: {', '.join(COLUMNS[FileKind.ORDERS])}; "
        f"of returns: {', '.join(COLUMNS[FileKind.RETURNS])}. "
        "Stopped at any point and started again it goes on where it was. Rows that cannot be used are "
        "written to DATA_DIR/<file name>.rejects.csv."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE", help="the orders")
        parser.add_argument("--returns", type=Path, metavar="FILE", help="what came back of them")
        parser.add_argument(
            "--keep-dates",
            action="store_true",
            help="leave the dates as they are; without, they are moved so that the newest order is of today",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            outcome = run_import(
                Path(options["file"]),
                returns_path=Path(options["returns"]) if options["returns"] else None,
                keep_dates=options["keep_dates"],
                display=Display(self._say, sys.stderr),
            )
        except UnusableFile as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            raise CommandError(
                "Stopped. The same command goes on from here.", returncode=_INTERRUPTED
            ) from None
        self._say(_orders_line(outcome.orders))
        if outcome.returns:
            self._say(_returns_line(outcome.returns))
        if outcome.dead or outcome.failing:
            raise CommandError(
                f"Outbox messages given up: {outcome.dead:,}; still failing: {outcome.failing:,}. "
                "The admin shows why, under outbox messages."
            )

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def _orders_line(imported: ImportedFile) -> str:
    file = imported.file
    return (
        f"{file.name}: {_count(file.documents, 'order')} ({file.made:,} new) of "
        f"{_count(file.members, 'member')}, {_count(file.rows, 'line')}, R {file.amount:,.2f}; "
        f"{_dates(file.shift)}; {_rejects(imported)}"
    )


def _returns_line(imported: ImportedFile) -> str:
    file = imported.file
    return (
        f"{file.name}: {_count(file.made, 'return')} of {_count(file.pieces, 'piece')}, "
        f"by {_count(file.documents, 'credit note')}; {_rejects(imported)}"
    )


def _dates(shift: timedelta) -> str:
    days, hours = divmod(abs(shift) // timedelta(hours=1), 24)
    parts = [_count(number, unit) for number, unit in ((days, "day"), (hours, "hour")) if number]
    if not parts:
        return "dates kept"
    return f"dates moved {'back ' if shift < timedelta(0) else ''}by {' and '.join(parts)}"


def _rejects(imported: ImportedFile) -> str:
    if not imported.rejects:
        return "no rejects"
    return f"{_count(imported.rejects, 'reject')} in {imported.rejects_path}"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
