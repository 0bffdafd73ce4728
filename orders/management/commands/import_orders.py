"""`manage.py import_orders FILE [--returns FILE] [--keep-dates]`."""

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from orders.imports.files import UnusableFile
from orders.imports.models import FileKind
from orders.imports.progress import Display
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
                options["file"],
                returns_path=options["returns"],
                keep_dates=options["keep_dates"],
                display=Display(self.stdout, sys.stderr),
            )
        except UnusableFile as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            raise CommandError(
                "Stopped. The same command goes on from here.", returncode=_INTERRUPTED
            ) from None
        self.stdout.write(_orders_line(outcome.orders))
        if outcome.returns:
            self.stdout.write(_returns_line(outcome.returns))
        if outcome.dead or outcome.failing:
            raise CommandError(
                f"{outcome.dead} messages of the outbox were given up and {outcome.failing} keep failing: "
                "the admin shows why, under outbox messages."
            )


def _orders_line(imported: ImportedFile) -> str:
    file = imported.file
    dates = "dates kept" if not file.shift else f"dates moved by {file.shift}"
    return (
        f"{file.name}: {file.documents:,} orders ({file.made:,} new) of {file.members:,} members, "
        f"{file.rows:,} lines, R {file.amount:,.2f}; {dates}; {_rejects(imported)}"
    )


def _returns_line(imported: ImportedFile) -> str:
    file = imported.file
    return (
        f"{file.name}: {file.made:,} returns of {file.pieces:,} pieces, by {file.documents:,} credit notes; "
        f"{_rejects(imported)}"
    )


def _rejects(imported: ImportedFile) -> str:
    if not imported.rejects:
        return "no rejects"
    return f"{imported.rejects:,} rejects in {imported.rejects_path}"
