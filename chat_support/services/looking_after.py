"""What the clock does to tickets: targets are missed, and resolved ones close."""

from collections.abc import Callable
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from chat_support.models import SupportTicket
from chat_support.models.tickets import TicketQuerySet
from chat_support.rules import CLOSED, RESOLVED
from chat_support.services.clock import note_breaches
from chat_support.services.locking import store
from chat_support.services.steps import take_step
from core.contracts import SYSTEM

_CHUNK = 200


def mark_breaches(*, at: datetime) -> int:
    """Mark and publish, once, each target that was missed by `at`; return how many tickets it was."""

    def mark(ticket: SupportTicket) -> None:
        note_breaches(ticket, at=at)
        store(ticket)

    return _each(SupportTicket.objects.overdue(at), mark)


def close_resolved(*, at: datetime) -> int:
    """Close the resolved tickets in which nobody has said anything for some days; return how many."""
    quiet_since = at - timedelta(days=settings.TICKET_CLOSES_AFTER_DAYS)
    quiet = Q(last_message_at=None) | Q(last_message_at__lt=quiet_since)

    def close(ticket: SupportTicket) -> None:
        take_step(ticket, CLOSED, actor=SYSTEM, at=at)
        store(ticket)

    return _each(SupportTicket.objects.filter(quiet, status=RESOLVED, resolved_at__lt=quiet_since), close)


def _each(tickets: TicketQuerySet, do: Callable[[SupportTicket], None]) -> int:
    """Do something to each ticket, which is then none of `tickets` any more; one that somebody holds locked
    is left for the next time."""
    done = 0
    while True:
        with transaction.atomic():
            chunk = list(tickets.order_by("pk").select_for_update(no_key=True, skip_locked=True)[:_CHUNK])
            for ticket in chunk:
                do(ticket)
        done += len(chunk)
        if len(chunk) < _CHUNK:
            return done
