"""`manage.py backup FILE [--force]`."""

import sys
import time
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from core.backups import dump, snapshot
from core.postgres_programs import ProgramFailed
from core.progress import Display
from rewards.selectors.audit import ledger_size


class Command(BaseCommand):
    help = (
        "Write the whole database, as it is at one moment, to a file for `restore`, while the site serves. "
        "Pictures under DATA_DIR/media and SECRET_KEY are not in it."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument("--force", action="store_true", help="replace the file if it is there")

    def handle(self, *args: Any, file: Path, force: bool, **options: Any) -> None:
        if file.exists() and not force:
            raise CommandError(f"{file} is there already: name another file, or add --force.")
        began = time.monotonic()
        try:
            with snapshot() as moment:
                size = dump(file, moment=moment, display=Display(self.stdout.write, sys.stderr))
                held = ledger_size()
        except (ProgramFailed, OSError) as error:
            raise CommandError(f"No backup was made: {error}") from error
        seconds = time.monotonic() - began
        self.stdout.write(f"{file}: {size:,} bytes in {seconds:.1f} s")
        self.stdout.write(str(held))
