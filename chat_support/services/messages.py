"""What is said in a ticket, whether it was written here or seen in Stream, and what follows from it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db import transaction
from django.db.models import Count, Q

from chat_support.contracts import TICKET_ANSWERED
from chat_support.metrics import count_message
from chat_support.models import SupportTicket, TicketMessage
from chat_support.rules import IN_PROGRESS, OPEN, UNSOLVED
from chat_support.services.clock import note_breaches, pause, resume, withdraw_breach
from chat_support.services.locking import lock_channel, lock_ticket, store
from chat_support.services.steps import take_step
from core import outbox
from core.contracts import Actor

Author = TicketMessage.Author

_NEVER = datetime.min.replace(tzinfo=UTC)
_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One message: `actor` is who wrote it (their user id with it, but for our bot), `message_id` its id here
    and in Stream.

    A message that was seen in Stream has a time `as_of` which it was so, and `edited_at` where its words were
    changed by then.
    """

    message_id: str
    author: TicketMessage.Author
    actor: Actor
    text: str
    said_at: datetime
    as_of: datetime | None = None
    edited_at: datetime | None = None


@transaction.atomic
def record_message(*, channel_id: str, said: Said, at: datetime) -> TicketMessage | None:
    """Take in a message that was seen in Stream; None when it was known, or the channel is no ticket's.

    Messages may come late and in any order: what one changes depends on when it was said.
    """
    ticket = lock_channel(channel_id)
    return None if ticket is None else record(ticket, said, at=at)


def record(ticket: SupportTicket, said: Said, *, at: datetime) -> TicketMessage | None:
    """Take in a message of a ticket that the caller holds locked, and store both; None when it was known."""
    if TicketMessage.objects.filter(message_id=said.message_id).exists():
        return None
    said_at = min(said.said_at, at)
    message = TicketMessage.objects.create(
        ticket=ticket,
        message_id=said.message_id,
        author=said.author,
        user_id=said.actor.user_id,
        text=said.text,
        said_at=said_at,
        text_as_of=said.as_of,
        edited_at=said.edited_at,
    )
    is_latest = ticket.last_message_at is None or said_at >= ticket.last_message_at
    if said.author == Author.MEMBER:
        _member_said(ticket, said.actor, said_at, is_latest=is_latest, at=at)
    elif said.author == Author.AGENT:
        _agent_said(ticket, message, said.actor, is_latest=is_latest, at=at)
    if is_latest:
        ticket.last_message_at = said_at
        ticket.last_message_by_member = said.author == Author.MEMBER
    _count_unread(ticket)
    store(ticket)
    count_message(said.author)
    return message


def _member_said(
    ticket: SupportTicket, actor: Actor, said_at: datetime, *, is_latest: bool, at: datetime
) -> None:
    """Who writes has read what was there; unless an agent has answered it since, the desk has to go on."""
    # What an agent said in the same instant answers it.
    ticket.member_read_until = max(ticket.member_read_until or _NEVER, said_at - _INSTANT)
    if not is_latest:
        return
    if ticket.status not in UNSOLVED:
        take_step(ticket, OPEN, actor=actor, at=at)
    elif ticket.waiting_since is not None:
        resume(ticket, at=max(said_at, ticket.waiting_since))


def _agent_said(
    ticket: SupportTicket, message: TicketMessage, actor: Actor, *, is_latest: bool, at: datetime
) -> None:
    """Count it as the first answer if it is; from here on the member is waited for."""
    said_at = message.said_at
    ticket.agents_read_until = max(ticket.agents_read_until or _NEVER, said_at)
    note_breaches(ticket, at=said_at)
    ticket.first_answered_at = min(ticket.first_answered_at or said_at, said_at)
    withdraw_breach(ticket, at=at)
    if ticket.status == OPEN:
        take_step(ticket, IN_PROGRESS, actor=actor, at=at)
    if is_latest and ticket.status in UNSOLVED:
        pause(ticket, at=said_at)
    outbox.publish(TICKET_ANSWERED, ticket_id=ticket.pk, user_id=ticket.user_id, message_id=message.pk)


def change_message(
    *, channel_id: str, message_id: str, text: str, as_of: datetime, edited_at: datetime | None, at: datetime
) -> bool:
    """Take in how a message reads in Stream as of a time; returns whether that was news.

    Of two versions the later counts, in whatever order they come.
    """
    older = Q(text_as_of=None) | Q(text_as_of__lt=as_of)
    there = TicketMessage.objects.filter(
        older, ticket__channel_id=channel_id, message_id=message_id, deleted_at=None
    )
    return there.update(text=text, text_as_of=as_of, edited_at=edited_at, updated_at=at) > 0


@transaction.atomic
def remove_message(*, channel_id: str, message_id: str, at: datetime) -> bool:
    """Take in that a message was deleted in Stream: that there was one stays, its words go; returns whether
    that was news."""
    ticket = lock_channel(channel_id)
    if ticket is None:
        return False
    there = ticket.messages.filter(message_id=message_id, deleted_at=None)
    if not there.update(text="", deleted_at=at, updated_at=at):
        return False
    _count_unread(ticket)
    store(ticket)
    return True


@transaction.atomic
def mark_read(
    *, ticket_id: int, by_member: bool, until: datetime, user_id: int | None = None
) -> SupportTicket:
    """Count as read what the other side said until then; with `user_id`, only in that member's ticket.

    Raises:
        TicketNotFound: there is none, or it is another member's.
    """
    ticket = lock_ticket(ticket_id, user_id=user_id)
    _read(ticket, by_member=by_member, until=until)
    return ticket


@transaction.atomic
def mark_channel_read(*, channel_id: str, by_member: bool, until: datetime) -> bool:
    """Take in that somebody has read a channel in Stream; returns whether it is a ticket's."""
    ticket = lock_channel(channel_id)
    if ticket is not None:
        _read(ticket, by_member=by_member, until=until)
    return ticket is not None


def _read(ticket: SupportTicket, *, by_member: bool, until: datetime) -> None:
    if by_member:
        ticket.member_read_until = max(ticket.member_read_until or _NEVER, until)
    else:
        ticket.agents_read_until = max(ticket.agents_read_until or _NEVER, until)
    _count_unread(ticket)
    store(ticket)


def _count_unread(ticket: SupportTicket) -> None:
    """Count what each side has not read: counted anew each time, because messages and readings come in any
    order."""
    member, agents = ticket.member_read_until or _NEVER, ticket.agents_read_until or _NEVER
    since = ticket.messages.filter(deleted_at=None, said_at__gt=min(member, agents))
    counts = since.aggregate(
        by_member=Count("pk", filter=Q(author=Author.AGENT, said_at__gt=member)),
        by_agents=Count("pk", filter=Q(author=Author.MEMBER, said_at__gt=agents)),
    )
    ticket.unread_by_member, ticket.unread_by_agents = counts["by_member"], counts["by_agents"]
