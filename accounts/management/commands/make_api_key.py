"""`manage.py make_api_key NAME [--shop SLUG] --scope SCOPE … [--days DAYS]`."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts.scopes import known_scopes
from accounts.services.keys import make_key
from core.contracts import Actor
from core.errors import DomainError

BY_COMMAND = Actor("command")


class Command(BaseCommand):
    help = "Make a key for a shop's or a partner's system, and print it: it is never shown again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="whose it is and what for; no other key is called so")
        parser.add_argument(
            "--shop", metavar="SLUG", help="the shop that it speaks for; without, a partner's"
        )
        parser.add_argument(
            "--scope",
            action="append",
            required=True,
            choices=known_scopes(),
            help="what it may do; once for each scope",
        )
        parser.add_argument("--days", type=int, help="how long it is good; without, until it is revoked")

    def handle(
        self, *args: Any, name: str, shop: str | None, scope: list[str], days: int | None, **options: Any
    ) -> None:
        at = timezone.now()
        if days is not None and not 1 <= days <= 36_500:
            raise CommandError("--days must be between 1 and 36500.")
        expires_at = None if days is None else at + timedelta(days=days)
        try:
            made = make_key(
                name=name, shop=shop, scopes=scope, expires_at=expires_at, actor=BY_COMMAND, at=at
            )
        except ValidationError as refusal:
            raise CommandError(" ".join(refusal.messages)) from refusal
        except DomainError as refusal:
            raise CommandError(str(refusal)) from refusal
        self.stdout.write(made.key)
