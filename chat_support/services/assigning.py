"""Who answers a ticket: chosen by hand, or the agent on duty who has the fewest to solve."""

from datetime import UTC, datetime

from django.db import transaction
from django.db.models import Count

from chat_support.contracts import AGENT_ON_DUTY
from chat_support.models import Agent, SupportTicket, TicketChange
from chat_support.rules import PRIORITIES
from chat_support.services.history import change_of, note_change
from chat_support.services.locking import lock_ticket, store
from core import audit, outbox
from core.contracts import SYSTEM, Actor
from core.errors import DomainError

_CHUNK = 500
_NEVER = datetime.min.replace(tzinfo=UTC)


class AgentUnknown(DomainError):
    """Only agents are given tickets, and no blocked ones."""

    code, status, title = "agent_unknown", 409, "That is not an agent"


@transaction.atomic
def assign_ticket(*, ticket_id: int, agent_id: int, actor: Actor, at: datetime) -> SupportTicket:
    """Give a ticket to an agent, whether on duty or not; theirs already it stays as it is.

    Raises:
        TicketNotFound: there is none.
        AgentUnknown: the user is no agent, or blocked.
    """
    ticket = lock_ticket(ticket_id)
    if not Agent.objects.filter(user_id=agent_id, user__is_active=True).exists():
        raise AgentUnknown
    if ticket.assigned_agent_id != agent_id:
        give(ticket, agent_id, actor=actor, at=at)
    return ticket


def give(ticket: SupportTicket, agent_id: int, *, actor: Actor, at: datetime) -> None:
    """Make a ticket that the caller holds locked somebody's, and store it."""
    before = ticket.assigned_agent
    ticket.assigned_agent_id = agent_id
    store(ticket)
    Agent.objects.filter(user_id=agent_id).update(last_assigned_at=at, updated_at=at)
    after = ticket.assigned_agent
    assert after is not None  # read anew by the id
    note_change(
        ticket,
        "agent",
        before.get_username() if before else "",
        after.get_username(),
        actor=actor,
        at=at,
    )


@transaction.atomic
def assign_waiting(*, at: datetime) -> int:
    """Give every unsolved ticket that is nobody's to an agent on duty; return how many were given.

    Each goes, the most urgent first, to who has the fewest unsolved, and of those to who has been without the
    longest. Nobody is on duty: they wait.
    """
    on_duty = Agent.objects.filter(on_duty=True, user__is_active=True).select_related("user")
    if not on_duty.exists():
        return 0
    nobodys = SupportTicket.objects.unsolved().filter(assigned_agent=None)
    waiting = list(nobodys.order_by("pk").select_for_update(no_key=True))
    if not waiting:
        return 0
    # Waits for who is giving an agent something by hand, and then counts that, too.
    agents = list(on_duty.order_by("pk").select_for_update(of=("self",), no_key=True))
    if not agents:
        return 0
    load = _unsolved_of(agents)
    turn = {agent.pk: (agent.last_assigned_at or _NEVER, 0) for agent in agents}
    changes = []
    for number, ticket in enumerate(sorted(waiting, key=_urgency), start=1):
        chosen = min(agents, key=lambda agent: (load[agent.pk], turn[agent.pk], agent.pk))
        load[chosen.pk] += 1
        turn[chosen.pk] = (at, number)
        chosen.last_assigned_at = at
        ticket.assigned_agent = chosen.user
        changes.append(change_of(ticket, "agent", "", chosen.user.get_username(), actor=SYSTEM, at=at))
        ticket.updated_at = chosen.updated_at = at
    SupportTicket.objects.bulk_update(waiting, ["assigned_agent", "updated_at"], batch_size=_CHUNK)
    Agent.objects.bulk_update(agents, ["last_assigned_at", "updated_at"])
    TicketChange.objects.bulk_create(changes, batch_size=_CHUNK)
    return len(waiting)


def _unsolved_of(agents: list[Agent]) -> dict[int, int]:
    """Count the unsolved tickets of each agent."""
    counts = (
        SupportTicket.objects.unsolved()
        .filter(assigned_agent__in=[agent.pk for agent in agents])
        .order_by()
        .values_list("assigned_agent")
        .annotate(Count("pk"))
    )
    return {agent.pk: 0 for agent in agents} | dict(counts)


def _urgency(ticket: SupportTicket) -> tuple[int, datetime, int]:
    return PRIORITIES.index(ticket.priority), ticket.created_at, ticket.pk


@transaction.atomic
def set_duty(*, user_id: int, on_duty: bool, actor: Actor, at: datetime) -> Agent:
    """Put somebody of the staff on duty, or off it; they become an agent with the first time.

    Who goes off duty keeps their tickets.
    """
    Agent.objects.bulk_create([Agent(user_id=user_id)], ignore_conflicts=True)
    agent = Agent.objects.select_for_update(no_key=True).get(user_id=user_id)
    if agent.on_duty != on_duty:
        audit.record(
            actor=actor,
            action="agent.duty",
            target=agent,
            before={"on_duty": agent.on_duty},
            after={"on_duty": on_duty},
        )
        agent.on_duty = on_duty
        agent.save(update_fields=["on_duty", "updated_at"])
        if on_duty:
            outbox.publish(AGENT_ON_DUTY, user_id=user_id)
    return agent
