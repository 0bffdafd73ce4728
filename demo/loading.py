"""Loads the demonstration shop, or what is missing of it, a phase a transaction."""

from collections.abc import Callable

from django.apps import apps
from django.contrib.auth import get_user_model
from django.db import transaction
from django.utils import timezone

from core import outbox
from core.errors import DomainError
from demo.generator import generate
from demo.models import DemoShop
from demo.phases import Telling
from demo.shop import VISITOR, Plan

DRAIN_SECONDS = 60.0

Progress = Callable[[int, int], None]
"""Told how many phases are done, of how many."""


class NotADemo(DomainError):
    """The database holds somebody's data."""

    code, status, title = (
        "not_a_demo",
        409,
        "The database is not empty: no demonstration shop is loaded into it",
    )


class MessagesWaiting(DomainError):
    """The outbox could not be emptied in time."""

    code, status, title = "messages_waiting", 503, "Some messages of the outbox resist: see it in the admin"


def load_shop(plan: Plan, *, progress: Progress) -> DemoShop | None:
    """Load the shop, or the rest of it, and return its marker; None where it was whole already.

    A load that was begun goes on by the plan that it was begun with.

    Raises:
        NotADemo: the database has data and no demonstration shop.
        MessagesWaiting: everything is loaded, but not all of the outbox could be delivered.
    """
    marker = DemoShop.objects.first() or _begin(plan)
    if marker.finished_at is not None:
        return None
    phases = Telling(generate(marker.plan)).phases()
    for number, phase in enumerate(phases, start=1):
        with transaction.atomic():
            # Locked, so that two who load at once take turns.
            marker = DemoShop.objects.select_for_update().get()
            if marker.phases_done >= number:
                continue
            phase()
            marker.phases_done = number
            marker.save(update_fields=["phases_done", "updated_at"])
        progress(number, len(phases))
    if not outbox.drain(DRAIN_SECONDS):
        raise MessagesWaiting
    marker.finished_at = timezone.now()
    marker.save(update_fields=["finished_at", "updated_at"])
    return marker


def visitor() -> int | None:
    """Return the user id of the member with a password, or None where no demonstration shop is loaded."""
    found = get_user_model().objects.filter(external_id=VISITOR, is_active=True)
    return found.values_list("pk", flat=True).first()


@transaction.atomic
def _begin(plan: Plan) -> DemoShop:
    tables = [("catalog", "Product"), ("orders", "Order"), ("rewards", "UserPoints")]
    members = get_user_model().objects.filter(is_staff=False)
    if members.exists() or any(apps.get_model(*table)._default_manager.exists() for table in tables):
        raise NotADemo
    facts = {"anchor": plan.anchor, "seed": plan.seed, "members": plan.members, "products": plan.products}
    return DemoShop.objects.get_or_create(id=1, defaults=facts)[0]
