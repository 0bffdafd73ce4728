"""What is asked of Stream: rows that a sender carries out, for one subject in the order in which they were
written.

A row names members, tickets and messages by our ids. What is told of them is what they are when it is told.
"""

from collections.abc import Collection
from typing import Any

from django.conf import settings

from accounts.contracts import ChatMember
from accounts.facade import chat_members
from chat_support.models import StreamCall, SupportTicket, TicketMessage
from chat_support.people import ChatUser, address_of, shown_name
from chat_support.selectors.stream import channel_key, channel_subject, user_subject

Action, State = StreamCall.Action, StreamCall.State


def ask_channel(ticket: SupportTicket) -> None:
    """Have the ticket's channel made, with its member in it."""
    _ask(
        Action.OPEN_CHANNEL,
        ticket,
        key=channel_key(ticket.channel_id),
        ticket_id=ticket.pk,
        user_id=ticket.user_id,
    )


def ask_message(ticket: SupportTicket, message: TicketMessage) -> None:
    """Have a message written in the ticket's channel in its author's name, under the id that it has here."""
    _ask(
        Action.SEND_MESSAGE,
        ticket,
        key=f"message:{message.message_id}",
        message_id=message.message_id,
        user_id=message.user_id,
    )


def _ask(action: StreamCall.Action, ticket: SupportTicket, *, key: str, **arguments: Any) -> None:
    call = StreamCall(
        action=action,
        subject=channel_subject(ticket.channel_id),
        key=key,
        arguments={"channel_id": ticket.channel_id, **arguments},
    )
    StreamCall.objects.bulk_create([call], ignore_conflicts=True)


def ask_users(user_ids: Collection[int]) -> int:
    """Have Stream told of those of the members who have a chat id and of whom it was told something else, or
    nothing; return how many calls that needs.

    A call that nobody has begun yet will tell of them as they are then. One that is under way, or failed and
    waits, may have looked at them before: there is another one after it.
    """
    users = {
        member.user_id: as_user(member)
        for member in chat_members(user_ids).values()
        if member.chat_id is not None
    }
    latest = _latest([user.id for user in users.values()])
    calls = []
    for user_id, user in users.items():
        there = latest.get(user.id, {})
        waiting, told = there.get(State.PENDING), there.get(State.DONE)
        profile = user.fingerprint()
        if waiting is not None and waiting.tries == 0:
            continue
        if waiting is None and told is not None and told.arguments.get("profile") == profile:
            continue
        before = max((call.pk for call in there.values()), default=0)
        calls.append(user_call(user_id, user, after=before))
    StreamCall.objects.bulk_create(calls, ignore_conflicts=True)
    return len(calls)


def _latest(chat_ids: Collection[str]) -> dict[str, dict[str, StreamCall]]:
    """Return each user's latest call in each state."""
    calls = (
        StreamCall.objects.filter(
            action=Action.UPSERT_USER, subject__in=[user_subject(one) for one in chat_ids]
        )
        .order_by("subject", "state", "-pk")
        .distinct("subject", "state")
    )
    found: dict[str, dict[str, StreamCall]] = {}
    for call in calls:
        found.setdefault(call.subject.removeprefix("user:"), {})[call.state] = call
    return found


def user_call(user_id: int | None, user: ChatUser, *, after: int, **fields: Any) -> StreamCall:
    """Make the call that tells of a user, without storing it; nobody asks twice for the same profile `after`
    the same call. Our bot is nobody's `user_id`."""
    profile = user.fingerprint()
    return StreamCall(
        action=Action.UPSERT_USER,
        subject=user_subject(user.id),
        key=f"user:{user.id}:{profile}:{after}",
        arguments={"user_id": user_id, "profile": profile},
        **fields,
    )


def as_user(member: ChatMember) -> ChatUser:
    """Say who a member who has a chat id is to everybody in a chat."""
    assert member.chat_id is not None
    return ChatUser(
        member.chat_id,
        shown_name(member.first_name, is_agent=member.is_staff),
        address_of(member.picture, site=settings.PUBLIC_URL),
    )
