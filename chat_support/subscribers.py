"""What chat_support does when something happened to a ticket, or to a member."""

from collections.abc import Sequence

from django.utils import timezone

from accounts.contracts import MEMBER_CHANGED
from chat_support.contracts import (
    AGENT_ON_DUTY,
    STREAM_WEBHOOK,
    TICKET_ANSWERED,
    TICKET_OPENED,
    TICKET_REOPENED,
)
from chat_support.services.assigning import assign_waiting
from chat_support.services.following import follow
from chat_support.services.stream_calls import ask_users
from chat_support.services.telling import tell_of_answers
from core.outbox import Message, subscriber


@subscriber("chat_support.assigning", topics=[TICKET_OPENED, TICKET_REOPENED, AGENT_ON_DUTY], batch=1000)
def assign_tickets(messages: Sequence[Message]) -> None:
    """Give the tickets that are nobody's to who is on duty now."""
    assign_waiting(at=timezone.now())


@subscriber("chat_support.telling", topics=[TICKET_ANSWERED], batch=200)
def tell_members(messages: Sequence[Message]) -> None:
    """Tell members of their answers."""
    tell_of_answers({message.payload["message_id"] for message in messages})


@subscriber("chat_support.profiles", topics=[MEMBER_CHANGED], batch=200)
def tell_of_profiles(messages: Sequence[Message]) -> None:
    """Have Stream told of the members whom it knows."""
    ask_users({message.payload["user_id"] for message in messages})


@subscriber("chat_support.webhooks", topics=[STREAM_WEBHOOK], batch=100)
def follow_webhooks(messages: Sequence[Message]) -> None:
    """Follow in the tickets what happened in Stream."""
    follow({message.payload["webhook_id"] for message in messages}, at=timezone.now())
