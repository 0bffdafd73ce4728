"""Changes of a ticket beside its steps: its priority, and what its member thinks of how it went."""

from datetime import datetime

from django.db import transaction

from chat_support.models import SupportTicket
from chat_support.rules import UNSOLVED
from chat_support.services.clock import note_breaches, set_targets
from chat_support.services.history import note_change
from chat_support.services.locking import TicketNotFound, lock_ticket, store
from core.contracts import Actor
from core.errors import DomainError


class TicketNotSolved(DomainError):
    """Only how it ended can be rated."""

    code, status, title = "ticket_not_solved", 409, "This ticket is still being worked on"


@transaction.atomic
def change_priority(*, ticket_id: int, priority: str, actor: Actor, at: datetime) -> SupportTicket:
    """Give a ticket another priority; its targets are reckoned anew from its opening, by today's terms.

    What was missed by the old ones stays missed.

    Raises:
        TicketNotFound: there is none.
    """
    ticket = lock_ticket(ticket_id)
    if ticket.priority != priority:
        note_breaches(ticket, at=at)
        note_change(ticket, "priority", ticket.priority, priority, actor=actor, at=at)
        ticket.priority = priority
        set_targets(ticket)
        store(ticket)
    return ticket


@transaction.atomic
def rate_ticket(
    *, user_id: int, ticket_id: int, rating: int, comment: str, actor: Actor, at: datetime
) -> SupportTicket:
    """Rate how one's own ticket went, 1 to 5; the latest rating counts.

    Raises:
        TicketNotFound: there is none, it is another member's, or it was erased.
        TicketNotSolved: it is neither resolved nor closed.
    """
    ticket = lock_ticket(ticket_id, user_id=user_id)
    if ticket.erased_at is not None:  # a comment would stay for good
        raise TicketNotFound
    if ticket.status in UNSOLVED:
        raise TicketNotSolved(ticket_status=ticket.status)
    if (ticket.rating, ticket.rating_comment) != (rating, comment):
        before = "" if ticket.rating is None else str(ticket.rating)
        note_change(ticket, "rating", before, str(rating), actor=actor, at=at)
        ticket.rating, ticket.rating_comment, ticket.rated_at = rating, comment, at
        store(ticket)
    return ticket
