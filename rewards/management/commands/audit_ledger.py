"""`manage.py audit_ledger`: prove the books, or say what does not hold."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from rewards.selectors.audit import audit_ledger


class Command(BaseCommand):
    help = "Check the ledger's equations for every member; exit status 1 when one does not hold."

    def handle(self, *args: Any, **options: Any) -> None:
        report = audit_ledger()
        self.stdout.write(str(report))
        for broken in report.broken:
            first = ", ".join(map(str, broken.first))
            self.stdout.write(f"BROKEN: {broken.rule}: {broken.members} members, first {first}")
        if not report.is_clean:
            raise CommandError(f"{len(report.broken)} rules are broken", returncode=1)
        self.stdout.write("clean")
