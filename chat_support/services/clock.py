"""A ticket's two targets: when they are due, when they stand still, and when they were missed.

These change a ticket that the caller holds locked and will store.
"""

from datetime import datetime, timedelta

from chat_support.contracts import TICKET_BREACHED
from chat_support.metrics import count_breach
from chat_support.models import SupportTicket
from chat_support.rules import Calendar, after_working, working_time
from chat_support.selectors.desk import calendar, target_of
from chat_support.services.history import note_change
from core import outbox
from core.contracts import SYSTEM


def set_targets(ticket: SupportTicket) -> None:
    """Reckon both targets anew from the ticket's opening, by its priority and the desk's terms of now.

    What was answered already keeps its target.
    """
    target, desk = target_of(ticket.priority), calendar()
    if target is None:
        ticket.first_answer_due_at = ticket.solution_due_at = None
        return
    due = [
        after_working(desk, ticket.created_at, needed + ticket.paused_for)
        for needed in (target.first_answer, target.solution)
    ]
    if ticket.first_answered_at is None:
        ticket.first_answer_due_at = due[0]
    ticket.solution_due_at = due[1]


def pause(ticket: SupportTicket, *, at: datetime) -> None:
    """Stop the targets: from `at` on the member is waited for."""
    if ticket.waiting_since is None:
        note_breaches(ticket, at=at)
        ticket.waiting_since = at


def resume(ticket: SupportTicket, *, at: datetime) -> None:
    """Let the targets go on, later by the working time that has passed; those missed already stay."""
    if ticket.waiting_since is None:
        return
    desk = calendar()
    stood_still = working_time(desk, ticket.waiting_since, at)
    if ticket.first_answered_at is None and ticket.first_answer_breached_at is None:
        ticket.first_answer_due_at = _later(ticket.first_answer_due_at, desk, stood_still)
    if ticket.solution_breached_at is None:
        ticket.solution_due_at = _later(ticket.solution_due_at, desk, stood_still)
    ticket.paused_for += stood_still
    ticket.waiting_since = None


def note_breaches(ticket: SupportTicket, *, at: datetime) -> list[str]:
    """Mark each target that was missed by `at`, once, and publish it; return which."""
    until = min(at, ticket.waiting_since) if ticket.waiting_since else at
    missed = []
    due = ticket.first_answer_due_at
    if due and due < until and ticket.first_answered_at is None and ticket.first_answer_breached_at is None:
        ticket.first_answer_breached_at = due
        missed.append("first_answer")
    due = ticket.solution_due_at
    if due and due < until and ticket.solution_breached_at is None:
        ticket.solution_breached_at = due
        missed.append("solution")
    for target in missed:
        note_change(ticket, "breach", "", target, actor=SYSTEM, at=at)
        outbox.publish(TICKET_BREACHED, ticket_id=ticket.pk, user_id=ticket.user_id, target=target)
        count_breach(target)
    return missed


def withdraw_breach(ticket: SupportTicket, *, at: datetime) -> None:
    """Take back that the first answer was missed, where it came in time and only the news of it was late."""
    missed_at, answered_at = ticket.first_answer_breached_at, ticket.first_answered_at
    if missed_at is not None and answered_at is not None and answered_at <= missed_at:
        ticket.first_answer_breached_at = None
        note_change(ticket, "breach", "first_answer", "", actor=SYSTEM, at=at)


def _later(due: datetime | None, desk: Calendar, by: timedelta) -> datetime | None:
    return due and after_working(desk, due, by)
