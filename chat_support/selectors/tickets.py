"""Reads of tickets, for their members and for agents."""

from django.db.models import Case, IntegerField, Q, QuerySet, Value, When
from django.db.models.functions import Least

from chat_support.models import SupportTicket, TicketChange, TicketMessage
from chat_support.models.tickets import TicketQuerySet
from chat_support.rules import PRIORITIES, UNSOLVED
from core.errors import NotFound


def member_tickets(user_id: int, *, status: str | None = None) -> QuerySet[SupportTicket]:
    """Return a member's tickets with their agents; optionally those in one state."""
    mine = SupportTicket.objects.filter(user_id=user_id).select_related("assigned_agent")
    return mine if status is None else mine.filter(status=status)


def member_ticket(user_id: int, ticket_id: int) -> SupportTicket:
    """Return one of a member's tickets.

    Raises:
        NotFound: there is no such ticket, or it is another member's.
    """
    found = member_tickets(user_id).filter(pk=ticket_id).first()
    if found is None:
        raise NotFound("There is no such ticket.")
    return found


def messages_of(ticket: SupportTicket) -> QuerySet[TicketMessage]:
    """Return what was said in a ticket, with who said it."""
    return ticket.messages.select_related("user")


def changes_of(ticket: SupportTicket) -> QuerySet[TicketChange]:
    """Return a ticket's history, oldest first."""
    return TicketChange.objects.filter(ticket_id=ticket.pk)


def queue(tickets: TicketQuerySet) -> TicketQuerySet:
    """Put tickets in the order in which agents want them: what needs a word of ours first, of that what has
    missed a target, then by priority, then by what is due next.

    Each has `turn`, `breached`, `rank` and `next_due`.
    """
    missed = Q(first_answer_breached_at__isnull=False) | Q(solution_breached_at__isnull=False)
    ranks = [When(priority=priority, then=Value(rank)) for rank, priority in enumerate(PRIORITIES)]
    return tickets.annotate(
        turn=Case(
            When(status__in=UNSOLVED, waiting_since=None, then=Value(0)),
            When(status__in=UNSOLVED, then=Value(1)),
            default=Value(2),
            output_field=IntegerField(),
        ),
        breached=Case(When(missed, then=Value(0)), default=Value(1), output_field=IntegerField()),
        rank=Case(*ranks, default=Value(len(ranks)), output_field=IntegerField()),
        next_due=Least(
            Case(When(first_answered_at=None, then="first_answer_due_at")),
            "solution_due_at",
        ),
    ).order_by("turn", "breached", "rank", "next_due", "pk")
