"""A ticket's steps from state to state, as the table of `chat_support.rules` has them."""

from datetime import datetime

from django.db import transaction

from chat_support.contracts import TICKET_REOPENED, TICKET_RESOLVED
from chat_support.models import SupportTicket
from chat_support.rules import CLOSED, OPEN, RESOLVED, STEPS, UNSOLVED
from chat_support.services.clock import pause, resume
from chat_support.services.history import note_change
from chat_support.services.locking import lock_ticket, store
from core import outbox
from core.contracts import Actor
from core.errors import DomainError


class TicketStepNotAllowed(DomainError):
    """The table of steps has no such step."""

    code, status, title = "ticket_step_not_allowed", 409, "That is not possible with this ticket"


@transaction.atomic
def move_ticket(
    *, ticket_id: int, to: str, actor: Actor, at: datetime, user_id: int | None = None
) -> SupportTicket:
    """Resolve, close or reopen a ticket; one that is there already stays as it is.

    With `user_id` it is only found among that member's. To reopen is to move to `open`, and leaves an open
    ticket or one in progress alone.

    Raises:
        TicketNotFound: there is none, or it is another member's.
        TicketStepNotAllowed: it can't be moved there from its state.
    """
    ticket = lock_ticket(ticket_id, user_id=user_id)
    if ticket.status != to and not (to == OPEN and ticket.status in UNSOLVED):
        take_step(ticket, to, actor=actor, at=at)
        store(ticket)
    return ticket


def take_step(ticket: SupportTicket, to: str, *, actor: Actor, at: datetime) -> None:
    """Move a ticket that the caller holds locked and will store.

    Raises:
        TicketStepNotAllowed: it can't be moved there from its state.
    """
    before = ticket.status
    if to not in STEPS[before] or ticket.erased_at is not None:
        raise TicketStepNotAllowed(f"It is {before}: it can't become {to}.", ticket_status=before)
    ticket.status = to
    note_change(ticket, "status", before, to, actor=actor, at=at)
    if to == RESOLVED:
        ticket.resolved_at = at
        pause(ticket, at=at)
        outbox.publish(TICKET_RESOLVED, ticket_id=ticket.pk, user_id=ticket.user_id)
    elif to == CLOSED:
        ticket.closed_at = at
        pause(ticket, at=at)
    elif before not in UNSOLVED:
        ticket.resolved_at = ticket.closed_at = None
        resume(ticket, at=at)
        outbox.publish(TICKET_REOPENED, ticket_id=ticket.pk, user_id=ticket.user_id)
