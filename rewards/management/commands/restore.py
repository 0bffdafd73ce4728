"""`manage.py restore FILE`."""

import sys
import time
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from core.backups import NotEmpty, load, migrations_apart
from core.postgres_programs import ProgramFailed
from core.progress import Display


class Command(BaseCommand):
    help = (
        "Fill an empty database from a file that `backup` wrote, and audit it: exit status 1 when the ledger "
        "is not clean, or could not be audited. A database that holds anything is refused."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")

    def handle(self, *args: Any, file: Path, **options: Any) -> None:
        if not file.is_file():
            raise CommandError(f"There is no file {file}.")
        began = time.monotonic()
        try:
            load(file, display=Display(self.stdout.write, sys.stderr))
        except (NotEmpty, ProgramFailed) as error:
            raise CommandError(f"Nothing was restored: {error}") from error
        self.stdout.write(f"{file}: restored in {time.monotonic() - began:.1f} s")
        self._say_migrations()
        call_command("audit_ledger", stdout=self.stdout)
        self.stdout.write("Next, where the site runs under a role of its own: manage.py grant_app_role ROLE")

    def _say_migrations(self) -> None:
        lacking, unknown = migrations_apart()
        if unknown:
            raise CommandError(
                f"Restored, not audited: the backup is newer than this code, with {', '.join(unknown)}. "
                "Run audit_ledger with the release that made it."
            )
        if lacking:
            raise CommandError(
                f"Restored, not audited: the backup is older than this code, without {', '.join(lacking)}. "
                "Run migrate, then audit_ledger."
            )
        self.stdout.write("Migrations: those of this code")
