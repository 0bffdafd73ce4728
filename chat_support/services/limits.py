"""How much a member may ask of the desk: counted in what they have written, one call of theirs at a time.

What is counted are the rows themselves, so a repeat that writes nothing counts nothing, and neither does what
was rolled back.
"""

from datetime import datetime, timedelta
from math import ceil

from django.conf import settings
from django.db import connection

from chat_support.models import SupportTicket, TicketMessage
from core.errors import DomainError

_DAY, _MINUTE = timedelta(days=1), timedelta(minutes=1)
_MEMBERS = 0x74696B74
"""Our advisory locks on members, among those with two numbers."""


class TooMany(DomainError):
    """A limit is reached; `Retry-After` says when there is room for one more."""

    status = 429

    def __init__(self, seconds: int, limit: int) -> None:
        super().__init__(f"Try again in {seconds} s.", retry_after=seconds, limit=limit)
        self.headers = {"Retry-After": str(seconds)}


class TooManyTickets(TooMany):
    """The member has opened as many tickets in a day as they may."""

    code, title = "too_many_tickets", "Too many tickets today"


class TooManyMessages(TooMany):
    """The member has written as many messages in a minute as they may."""

    code, title = "too_many_messages", "Too many messages; try again in a minute"


def hold_turn(user_id: int) -> None:
    """Let one call of a member's at a time write tickets or messages, until the caller's transaction ends.

    It is taken before any ticket is locked.
    """
    with connection.cursor() as cursor:
        # Two members whose ids are the same in 31 bits wait for each other, and nothing worse.
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_MEMBERS, user_id & 0x7FFF_FFFF])


def refuse_too_many_tickets(user_id: int, *, at: datetime) -> None:
    """Count the tickets of the last 24 hours; the caller holds the member's turn.

    Raises:
        TooManyTickets: there are `TICKETS_A_DAY`.
    """
    limit = settings.TICKETS_A_DAY
    opened = SupportTicket.objects.filter(user_id=user_id, created_at__gt=at - _DAY)
    latest = list(opened.order_by("-created_at").values_list("created_at", flat=True)[:limit])
    if len(latest) >= limit:
        raise TooManyTickets(_seconds_until(latest[-1] + _DAY, at), limit)


def refuse_too_many_messages(user_id: int, *, at: datetime) -> None:
    """Count the member's messages of the last minute, in all tickets; the caller holds the member's turn.

    Raises:
        TooManyMessages: there are `TICKET_MESSAGES_A_MINUTE`.
    """
    limit, since = settings.TICKET_MESSAGES_A_MINUTE, at - _MINUTE
    said = TicketMessage.objects.filter(
        ticket__user_id=user_id,
        ticket__last_message_at__gt=since,
        author=TicketMessage.Author.MEMBER,
        said_at__gt=since,
    )
    latest = list(said.order_by("-said_at").values_list("said_at", flat=True)[:limit])
    if len(latest) >= limit:
        raise TooManyMessages(_seconds_until(latest[-1] + _MINUTE, at), limit)


def _seconds_until(then: datetime, at: datetime) -> int:
    return max(ceil((then - at).total_seconds()), 1)
