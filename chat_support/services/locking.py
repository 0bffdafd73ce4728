"""Locking tickets, and storing what a service made of one.

Tickets are locked after accounts and before agents, each by id.
"""

from django.db import transaction

from chat_support.models import SupportTicket
from core.errors import NotFound

_CHANGING = [
    field.name
    for field in SupportTicket._meta.concrete_fields
    if field.name not in ("id", "user", "channel_id", "subject", "created_at")
]


class TicketNotFound(NotFound):
    """There is no such ticket, or it is another member's."""

    title = "No such ticket"


def lock_ticket(ticket_id: int, *, user_id: int | None = None) -> SupportTicket:
    """Lock a ticket inside the caller's transaction; with `user_id`, only one of that member's.

    Raises:
        TicketNotFound: there is none, or it is another member's.
    """
    own = {} if user_id is None else {"user_id": user_id}
    ticket = _lock(pk=ticket_id, **own)
    if ticket is None:
        raise TicketNotFound
    return ticket


def lock_channel(channel_id: str) -> SupportTicket | None:
    """Lock the ticket of a channel inside the caller's transaction; None when the channel is nobody's."""
    return _lock(channel_id=channel_id)


def _lock(**which: int | str) -> SupportTicket | None:
    if not transaction.get_connection().in_atomic_block:
        raise transaction.TransactionManagementError("tickets are locked inside a transaction")
    return SupportTicket.objects.filter(**which).select_for_update(no_key=True).first()


def store(ticket: SupportTicket) -> None:
    """Save what a service has changed of a ticket that it holds locked."""
    ticket.save(update_fields=_CHANGING)
