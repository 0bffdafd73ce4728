"""Tickets, agents and times for the tests of the support desk."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib.auth.models import Permission

from accounts.models import User
from chat_support.models import SupportTicket
from chat_support.services.assigning import set_duty
from chat_support.services.opening import open_ticket
from core.contracts import SYSTEM, Actor
from tests.accounts.factories import make_user

ZONE = ZoneInfo("Africa/Johannesburg")
MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=ZONE)
"""A working day at nine; the desk is open on weekdays from eight to five."""
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def make_agent(username: str = "", *, on_duty: bool = True, at: datetime = MONDAY, **fields: Any) -> User:
    """Staff who may answer; on duty, unless said otherwise."""
    agent = make_user(username, is_staff=True, **fields)
    agent.user_permissions.set(
        Permission.objects.filter(codename__in=("answer_ticket", "view_supportticket"))
    )
    set_duty(user_id=agent.pk, on_duty=on_duty, actor=SYSTEM, at=at)
    return agent


def opened(user: User | None = None, *, at: datetime = MONDAY, **fields: Any) -> SupportTicket:
    """A ticket with its first message."""
    user = user or make_user()
    said = {"subject": "My parcel", "text": "Where is it?", **fields}
    return open_ticket(user_id=user.pk, actor=Actor.of(user), at=at, **said)


def fresh(ticket: SupportTicket) -> SupportTicket:
    return SupportTicket.objects.get(pk=ticket.pk)
