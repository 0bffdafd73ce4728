"""A member opens a ticket: its first message, its targets and its channel come with it."""

from datetime import datetime
from uuid import uuid4

from django.db import transaction

from chat_support.contracts import TICKET_OPENED
from chat_support.metrics import count_opened
from chat_support.models import SupportTicket
from chat_support.services.clock import set_targets
from chat_support.services.history import note_change
from chat_support.services.limits import hold_turn, refuse_too_many_tickets
from chat_support.services.messages import Author, Said, record
from chat_support.services.naming import channel_name, message_name
from chat_support.services.stream_calls import ask_channel, ask_message
from core import outbox
from core.contracts import Actor


@transaction.atomic
def open_ticket(
    *,
    user_id: int,
    subject: str,
    text: str,
    actor: Actor,
    at: datetime,
    priority: str = SupportTicket.Priority.MEDIUM,
    key: str | None = None,
) -> SupportTicket:
    """Open a ticket; under a `key` that the member has used before it is the ticket of then.

    An agent is found for it after the commit (`assigning.assign_waiting`), so that two tickets at once don't
    wait for each other.

    Raises:
        TooManyTickets: the member has opened as many in the last 24 hours as they may.
    """
    hold_turn(user_id)
    channel_id = channel_name(user_id, key or uuid4().hex)
    known = SupportTicket.objects.filter(channel_id=channel_id).first()
    if known is not None:
        return known
    refuse_too_many_tickets(user_id, at=at)
    ticket = SupportTicket(
        user_id=user_id, channel_id=channel_id, subject=subject, priority=priority, created_at=at
    )
    set_targets(ticket)
    ticket.save()
    note_change(ticket, "status", "", ticket.status, actor=actor, at=at)
    ask_channel(ticket)
    first = record(
        ticket,
        Said(
            message_id=message_name(channel_id, "first"),
            author=Author.MEMBER,
            actor=actor,
            text=text,
            said_at=at,
        ),
        at=at,
    )
    assert first is not None  # the channel is new, and so is what is named after it
    ask_message(ticket, first)
    outbox.publish(TICKET_OPENED, ticket_id=ticket.pk, user_id=user_id)
    count_opened(priority)
    return ticket
