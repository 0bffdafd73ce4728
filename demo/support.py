"""Tickets of the demonstration shop: what members asked in the last days, and who answered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group

from accounts.facade import SUPPORT_AGENT
from chat_support.facade import (
    answer_ticket,
    ensure_canned_answers,
    mark_read,
    open_ticket,
    rate_ticket,
    set_duty,
    write_message,
)
from core.contracts import SYSTEM, Actor
from demo.seasons import DAY, SATURDAY
from demo.shop import VISITOR, at

AGENT, AGENT_KEY = "nomsa.support", "demo-agent"

CANNED = {
    "Asking for the order's number": "Could you tell us the number of your order? It begins with DEMO.",
    "Parcel is on its way": "Your parcel has left us. You can follow it in the app, on the order's page.",
    "Points after a return": "What returned goods had earned is taken back, once the return is booked.",
}


@dataclass(frozen=True, slots=True)
class Word:
    """Something said in a ticket, so many minutes after it was opened."""

    by_agent: bool
    text: str
    after: int
    resolves: bool = False


@dataclass(frozen=True, slots=True)
class Ticket:
    """A ticket, opened so many working days before the last; `rating` is what the member gives in the end."""

    member: str
    subject: str
    text: str
    priority: str
    days_ago: int
    opened_at: time
    words: tuple[Word, ...] = ()
    rating: int | None = None


TICKETS = (
    Ticket(
        VISITOR,
        "My points of last week's order",
        "Hi, my order arrived but I can't see the points for it yet.",
        "medium",
        4,
        time(9, 20),
        (
            Word(True, "Good morning! They are there now: have a look at your history.", 35),
            Word(False, "Got them, thank you!", 50),
            Word(True, "A pleasure. Enjoy them!", 55, resolves=True),
        ),
        rating=5,
    ),
    Ticket(
        VISITOR,
        "Kettle with a dent",
        "The kettle has a dent on one side. Can I swap it?",
        "high",
        1,
        time(14, 5),
        (Word(True, "We are sorry! Could you send us a picture of it with the return in the app?", 25),),
    ),
    Ticket(
        "demo-0004",
        "Paid twice?",
        "My bank shows the payment twice. Please help.",
        "urgent",
        0,
        time(16, 50),
    ),
)


def tell_support(members: Mapping[str, int], anchor: date) -> None:
    """Put an agent on duty and let them answer; what is unsolved is theirs."""
    agent = _ensure_agent()
    set_duty(user_id=agent.user_id or 0, on_duty=True, actor=SYSTEM, at=at(anchor - DAY, time(8)))
    ensure_canned_answers(CANNED, actor=SYSTEM)
    days = _working_days_before(anchor, most=max(ticket.days_ago for ticket in TICKETS) + 1)
    for ticket in TICKETS:
        user_id = members[ticket.member]
        _tell(ticket, Actor(f"member:{user_id}", user_id), agent, at(days[ticket.days_ago], ticket.opened_at))


def _ensure_agent() -> Actor:
    """Return the agent, who has the role and no password."""
    users = get_user_model()._default_manager
    agent = users.filter(external_id=AGENT_KEY).first()
    if agent is None:
        agent = users.create_user(
            AGENT, is_staff=True, external_id=AGENT_KEY, first_name="Nomsa", last_name="Radebe"
        )
        agent.groups.add(*Group.objects.filter(name=SUPPORT_AGENT))
    return Actor.of(agent)


def _tell(ticket: Ticket, member: Actor, agent: Actor, opened_at: datetime) -> None:
    assert member.user_id is not None  # a member's actor has one
    opened = open_ticket(
        user_id=member.user_id,
        subject=ticket.subject,
        text=ticket.text,
        priority=ticket.priority,
        actor=member,
        at=opened_at,
        key=f"demo:{ticket.subject}",
    )
    moment = opened_at
    for word in ticket.words:
        moment = opened_at + timedelta(minutes=word.after)
        if word.by_agent:
            answer_ticket(ticket_id=opened.pk, text=word.text, actor=agent, at=moment, resolve=word.resolves)
        else:
            write_message(
                user_id=member.user_id, ticket_id=opened.pk, text=word.text, actor=member, at=moment
            )
    if ticket.rating is not None:
        mark_read(ticket_id=opened.pk, by_member=True, until=moment)
        rate_ticket(
            user_id=member.user_id,
            ticket_id=opened.pk,
            rating=ticket.rating,
            comment="",
            actor=member,
            at=moment + timedelta(hours=1),
        )


def _working_days_before(anchor: date, *, most: int) -> Sequence[date]:
    """Return the working days before a day, the latest first."""
    days = (anchor - number * DAY for number in range(1, 2 * most + 3))
    return [day for day in days if day.weekday() < SATURDAY][:most]
