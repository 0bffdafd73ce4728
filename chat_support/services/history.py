"""A ticket's history: one row for each change, never changed itself."""

from datetime import datetime

from chat_support.models import SupportTicket, TicketChange
from core.contracts import Actor


def note_change(
    ticket: SupportTicket, what: str, before: str, after: str, *, actor: Actor, at: datetime
) -> None:
    """Write down one change of a ticket, in the transaction that makes it."""
    change_of(ticket, what, before, after, actor=actor, at=at).save(force_insert=True)


def change_of(
    ticket: SupportTicket, what: str, before: str, after: str, *, actor: Actor, at: datetime
) -> TicketChange:
    """Return the row of a change, still to be written."""
    return TicketChange(
        ticket_id=ticket.pk, actor=actor.label, what=what, before=before, after=after, created_at=at
    )
