"""Everything that the chat keeps of a member, for themselves."""

from collections import defaultdict
from datetime import datetime
from typing import Any

from accounts.facade import chat_id_of
from chat_support.models import SupportTicket, TicketChange, TicketMessage
from chat_support.selectors.transcript import author_name

_THEIRS = ("status", "priority", "rating", "channel")
"""Of a ticket's history: who of the staff looked after it, and how fast, is the desk's own."""


def export_member_chat(user_id: int) -> dict[str, Any]:
    """Return a member's tickets with all that was said and done in them, oldest first, as JSON can hold it.

    Four queries for any number of rows.
    """
    tickets = list(SupportTicket.objects.filter(user_id=user_id).order_by("pk"))
    said: defaultdict[int, list[dict[str, Any]]] = defaultdict(list)
    messages = TicketMessage.objects.filter(ticket__in=tickets).select_related("user")
    for message in messages.order_by("said_at", "pk").iterator():
        said[message.ticket_id].append(_message(message))
    done: defaultdict[int, list[dict[str, Any]]] = defaultdict(list)
    changes = TicketChange.objects.filter(ticket_id__in=[ticket.pk for ticket in tickets], what__in=_THEIRS)
    for change in changes.order_by("pk").iterator():
        done[change.ticket_id].append(_change(change))
    return {
        "stream_user_id": chat_id_of(user_id),
        "tickets": [_ticket(ticket, said[ticket.pk], done[ticket.pk]) for ticket in tickets],
    }


def _ticket(
    ticket: SupportTicket, messages: list[dict[str, Any]], changes: list[dict[str, Any]]
) -> dict[str, Any]:
    return {
        "id": ticket.pk,
        "channel_id": ticket.channel_id,
        "subject": ticket.subject,
        "status": ticket.status,
        "priority": ticket.priority,
        "opened_at": _moment(ticket.created_at),
        "resolved_at": _moment(ticket.resolved_at),
        "closed_at": _moment(ticket.closed_at),
        "rating": ticket.rating,
        "rating_comment": ticket.rating_comment,
        "rated_at": _moment(ticket.rated_at),
        "messages": messages,
        "changes": changes,
    }


def _message(message: TicketMessage) -> dict[str, Any]:
    return {
        "message_id": message.message_id,
        "author": message.author,
        "name": author_name(message),
        "text": message.text,
        "said_at": _moment(message.said_at),
        "edited_at": _moment(message.edited_at),
        "deleted_at": _moment(message.deleted_at),
    }


def _change(change: TicketChange) -> dict[str, Any]:
    return {
        "what": change.what,
        "before": change.before,
        "after": change.after,
        "at": _moment(change.created_at),
    }


def _moment(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
