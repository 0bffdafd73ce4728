"""How tickets are written in the admin."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from chat_support.models import SupportTicket, TicketMessage
from chat_support.rules import CLOSED, OPEN, RESOLVED, STEPS, UNSOLVED
from chat_support.selectors.tickets import changes_of, messages_of
from orders.facade import member_orders
from rewards.facade import balance, loyalty_status

MOST_MESSAGES = 200
LAST_ORDERS = 5
STEP_LABELS = {RESOLVED: "Resolve", CLOSED: "Close", OPEN: "Reopen"}


@dataclass(frozen=True, slots=True)
class Shown:
    """A target as it stands: what it is for, when it is due, and how that went."""

    name: str
    due_at: datetime | None
    state: str
    is_missed: bool = False


def targets(ticket: SupportTicket) -> list[Shown]:
    """Say how a ticket stands to its two targets."""
    answered, solved = ticket.first_answered_at, ticket.resolved_at or ticket.closed_at
    return [
        _shown("First answer", ticket, ticket.first_answer_due_at, ticket.first_answer_breached_at, answered),
        _shown("Solution", ticket, ticket.solution_due_at, ticket.solution_breached_at, solved),
    ]


def _shown(
    name: str,
    ticket: SupportTicket,
    due_at: datetime | None,
    missed_at: datetime | None,
    done_at: datetime | None,
) -> Shown:
    if missed_at is not None:
        return Shown(name, due_at, f"missed at {moment(missed_at)}", is_missed=True)
    if done_at is not None:
        return Shown(name, due_at, f"kept at {moment(done_at)}")
    if due_at is None:
        return Shown(name, None, "no target")
    if ticket.waiting_since is not None:
        return Shown(name, due_at, "stands still")
    return Shown(name, due_at, f"due {moment(due_at)}")


def moment(at: datetime | None) -> str:
    """Write a time in the programme's zone; `-` where there is none."""
    if at is None:
        return "-"
    local = timezone.localtime(at)
    return f"{local.day} {local:%b %Y, %H:%M}"


def steps(ticket: SupportTicket) -> list[tuple[str, str]]:
    """Name the steps that an agent may take, with their labels; an answer takes the others by itself."""
    wanted = STEPS[ticket.status] - (UNSOLVED if ticket.status in UNSOLVED else set())
    return [(to, label) for to, label in STEP_LABELS.items() if to in wanted]


def conversation(ticket: SupportTicket) -> list[TicketMessage]:
    """Return the latest messages, oldest first."""
    latest = messages_of(ticket).order_by("-said_at", "-id")[:MOST_MESSAGES]
    return list(reversed(latest))


def ticket_page(ticket: SupportTicket) -> dict[str, Any]:
    """Gather what a ticket's page shows, in a fixed number of queries."""
    return {
        "ticket": ticket,
        "member": ticket.user,
        "targets": targets(ticket),
        "conversation": conversation(ticket),
        "message_count": ticket.messages.count(),
        "most_messages": MOST_MESSAGES,
        "changes": changes_of(ticket),
    }


def member_panel(request: HttpRequest, ticket: SupportTicket, *, at: datetime) -> dict[str, Any]:
    """Gather the member's points, tier and last orders: each for who may look at it."""
    panel: dict[str, Any] = {}
    if request.user.has_perm("rewards.view_userpoints"):
        panel["balance"] = balance(ticket.user_id, at=at)
        panel["status"] = loyalty_status(ticket.user_id, at=at)
    if request.user.has_perm("orders.view_order"):
        panel["orders"] = member_orders(ticket.user_id).order_by("-placed_at", "-id")[:LAST_ORDERS]
    return panel
