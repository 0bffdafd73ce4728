"""`manage.py load_demo`: a shop to look at, made up and put into an empty database."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from tqdm import tqdm

from core.errors import DomainError
from demo.loading import load_shop
from demo.phases import PASSWORD
from demo.shop import MEMBERS, Plan
from demo.stories import USERNAME

FEWEST, MOST = 30, 2500


class Command(BaseCommand):
    help = (
        "Load a demonstration shop into an empty database: members, products, a year of orders. Run again it "
        f"does nothing, or finishes what was interrupted. The member {USERNAME} signs in with {PASSWORD}."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--members", type=int, default=MEMBERS, help="how many; %(default)s unless given")

    def handle(self, *args: Any, members: int, **options: Any) -> None:
        if not FEWEST <= members <= MOST:
            raise CommandError(f"--members must be between {FEWEST} and {MOST}.")
        plan = Plan(timezone.localdate(), members=members, products=max(members * 2 // 3, 40))
        with tqdm(desc="Demonstration shop", unit="step", disable=None, leave=False) as bar:

            def show(done: int, of: int) -> None:
                bar.total = of
                bar.update(done - bar.n)

            try:
                marker = load_shop(plan, progress=show)
            except DomainError as refusal:
                raise CommandError(str(refusal)) from refusal
        if marker is None:
            self.stdout.write("The demonstration shop is there.")
        else:
            self.stdout.write(
                f"The demonstration shop has {marker.members} members and {marker.products} products; "
                f"{USERNAME} signs in with {PASSWORD}."
            )
