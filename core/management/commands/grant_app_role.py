"""`manage.py grant_app_role ROLE [--dry-run]`."""

import os
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from core.app_role import UnusableRole, bring_up_to_date

PASSWORD = "APP_ROLE_PASSWORD"  # noqa: S105 (the variable's name)


class Command(BaseCommand):
    help = (
        "Make the PostgreSQL role under which web, worker and beat run, or bring it up to date: the rights "
        "that the application needs and no others. Run it as the owner of the tables, after every migrate. "
        f"The role's password is read from {PASSWORD}; without, the one it has stays."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("role", help="its name, as in DATABASE_URL of web, worker and beat")
        parser.add_argument("--dry-run", action="store_true", help="print the statements and run none")

    def handle(self, *args: Any, role: str, dry_run: bool, **options: Any) -> None:
        try:
            statements = bring_up_to_date(role, password=os.environ.get(PASSWORD, ""), dry_run=dry_run)
        except UnusableRole as refusal:
            raise CommandError(str(refusal)) from refusal
        except DatabaseError as error:
            raise CommandError(f"Nothing was changed: {str(error).strip()}") from error
        for statement in statements:
            self.stdout.write(f"{statement};")
        if not statements:
            self.stdout.write(f"{role} has the application's rights and no others.")
