"""A ticket's transcript: who said what and when, as JSON and to read."""

from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from chat_support.models import SupportTicket, TicketMessage
from chat_support.people import shown_name
from chat_support.selectors.tickets import messages_of


@dataclass(frozen=True, slots=True)
class Line:
    """One message of a transcript; a deleted one has no text."""

    author: str
    name: str
    text: str
    said_at: datetime
    edited_at: datetime | None
    deleted_at: datetime | None


@dataclass(frozen=True, slots=True)
class Transcript:
    """All that was said in a ticket, oldest first."""

    ticket_id: int
    subject: str
    status: str
    opened_at: datetime
    messages: tuple[Line, ...]


def transcript(ticket: SupportTicket) -> Transcript:
    """Gather what was said in a ticket; one query."""
    return Transcript(
        ticket_id=ticket.pk,
        subject=ticket.subject,
        status=ticket.status,
        opened_at=ticket.created_at,
        messages=tuple(_line(message) for message in messages_of(ticket).order_by("said_at", "id")),
    )


def as_text(found: Transcript) -> str:
    """Write a transcript to be read, its times in the programme's zone."""
    lines = [
        f"Ticket {found.ticket_id}: {found.subject}",
        f"Opened {_moment(found.opened_at)}, {found.status.replace('_', ' ')}",
        "",
    ]
    for line in found.messages:
        changed = " (changed)" if line.edited_at and not line.deleted_at else ""
        lines += [f"{_moment(line.said_at)}  {line.name}{changed}", line.text or "(deleted)", ""]
    return "\n".join(lines)


def author_name(message: TicketMessage) -> str:
    """Name who wrote a message as everybody in the ticket may see it."""
    first_name = message.user.first_name if message.user else ""
    return shown_name(first_name, is_agent=message.author != TicketMessage.Author.MEMBER)


def _line(message: TicketMessage) -> Line:
    return Line(
        message.author,
        author_name(message),
        message.text,
        message.said_at,
        message.edited_at,
        message.deleted_at,
    )


def _moment(at: datetime) -> str:
    return f"{timezone.localtime(at):%Y-%m-%d %H:%M}"
