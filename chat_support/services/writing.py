"""Writing in a ticket: its member from the app, agents from the admin."""

from datetime import datetime
from uuid import uuid4

from django.db import transaction

from chat_support.models import SupportTicket, TicketMessage
from chat_support.rules import CLOSED, RESOLVED, UNSOLVED
from chat_support.services.assigning import give
from chat_support.services.limits import hold_turn, refuse_too_many_messages
from chat_support.services.locking import lock_ticket, store
from chat_support.services.messages import Author, Said, record
from chat_support.services.naming import message_name
from chat_support.services.steps import take_step
from chat_support.services.stream_calls import ask_message
from core.contracts import Actor
from core.errors import DomainError


class TicketClosed(DomainError):
    """Nothing more is said in a closed ticket, unless it is opened again."""

    code, status, title = "ticket_closed", 409, "This ticket is closed"


@transaction.atomic
def write_message(
    *, user_id: int, ticket_id: int, text: str, actor: Actor, at: datetime, key: str | None = None
) -> TicketMessage:
    """Write in one's own ticket; a resolved one is open again with that. A `key` used before writes nothing.

    Raises:
        TicketNotFound: there is none, or it is another member's.
        TicketClosed: it is closed.
        TooManyMessages: the member has written as many in the last minute as they may.
    """
    hold_turn(user_id)
    ticket = lock_ticket(ticket_id, user_id=user_id)
    return _write(ticket, Author.MEMBER, text=text, actor=actor, at=at, key=key)


@transaction.atomic
def answer_ticket(
    *, ticket_id: int, text: str, actor: Actor, at: datetime, key: str | None = None, resolve: bool = False
) -> TicketMessage:
    """Answer as an agent, and resolve the ticket with it where wanted; one that was nobody's is then theirs.

    A `key` used before writes nothing.

    Raises:
        TicketNotFound: there is none.
        TicketClosed: it is closed.
    """
    ticket = lock_ticket(ticket_id)
    answer = _write(ticket, Author.AGENT, text=text, actor=actor, at=at, key=key)
    if ticket.assigned_agent_id is None and actor.user_id is not None:
        give(ticket, actor.user_id, actor=actor, at=at)
    if resolve and ticket.status in UNSOLVED:
        take_step(ticket, RESOLVED, actor=actor, at=at)
        store(ticket)
    return answer


def _write(
    ticket: SupportTicket,
    author: TicketMessage.Author,
    *,
    text: str,
    actor: Actor,
    at: datetime,
    key: str | None,
) -> TicketMessage:
    name = message_name(ticket.channel_id, f"{author}:{actor.user_id}:{key or uuid4().hex}")
    known = TicketMessage.objects.filter(message_id=name).first()
    if known is not None:
        return known
    if ticket.status == CLOSED or ticket.erased_at is not None:
        raise TicketClosed(f"Ticket {ticket.pk} is closed. Open it again, or open a new one.")
    if author == Author.MEMBER:
        refuse_too_many_messages(ticket.user_id, at=at)
    said = Said(message_id=name, author=author, actor=actor, text=text, said_at=at)
    message = record(ticket, said, at=at)
    assert message is not None  # it was not known, and the ticket is locked
    ask_message(ticket, message)
    return message
