"""What calls of Stream come to: each a few requests, made of what tickets, messages and members are now.

Stream takes a message only into a channel that is there, and a channel only with users who are. So each call
brings what it needs and Stream doesn't know of yet: nothing else has to have gone well before it.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from accounts.contracts import ChatMember
from accounts.facade import chat_members, ensure_chat_ids
from chat_support import stream
from chat_support.answers import Answer, Verdict
from chat_support.models import StreamCall, SupportTicket, TicketMessage
from chat_support.people import ChatUser
from chat_support.selectors.stream import open_channels, told_profiles
from chat_support.services.stream_calls import as_user

Action = StreamCall.Action

_NOTHING_LEFT = Answer(Verdict.REFUSED, "what it is about is not there any more")
_KNOWN = Answer(Verdict.DONE, "Stream was told so already")


@dataclass(frozen=True, slots=True)
class Plan:
    """The requests of one call, in their order; where there is none, `outcome` is what became of it.

    `profile` is the fingerprint of what Stream knows after a call that tells of a user.
    """

    call: StreamCall
    requests: tuple[stream.Request, ...] = ()
    outcome: Answer = _NOTHING_LEFT
    profile: str = ""


@dataclass(frozen=True, slots=True)
class _Facts:
    """What a batch of calls is about, read in as many queries for one as for a hundred."""

    tickets: dict[str, SupportTicket]
    messages: dict[str, TicketMessage]
    members: dict[int, ChatMember]
    told: dict[str, str] = field(default_factory=dict)
    channels: Collection[str] = ()


def plans_of(calls: Sequence[StreamCall]) -> list[Plan]:
    """Plan calls. Members whom Stream doesn't know get the id that it will know them by.

    A call that was claimed may be about somebody who was erased meanwhile: they must get none.
    """
    facts = _facts_of(calls)
    return [_plan(call, facts) for call in calls]


def _facts_of(calls: Sequence[StreamCall]) -> _Facts:
    about = [call.arguments for call in calls]
    channel_ids = {one["channel_id"] for one in about if "channel_id" in one}
    message_ids = {one["message_id"] for one in about if "message_id" in one}
    there = SupportTicket.objects.filter(channel_id__in=channel_ids, erased_at=None)
    tickets = {one.channel_id: one for one in there}
    messages = {
        one.message_id: one
        for one in TicketMessage.objects.filter(message_id__in=message_ids, deleted_at=None)
    }
    asked = {call.arguments["user_id"] for call in calls if call.action == Action.UPSERT_USER}
    user_ids = {ticket.user_id for ticket in tickets.values()}
    user_ids |= {message.user_id for message in messages.values() if message.user_id is not None}
    ensure_chat_ids(user_ids)
    members = {user_id: one for user_id, one in chat_members(user_ids | asked).items() if one.chat_id}
    chat_ids = {stream.bot().id} | {member.chat_id for member in members.values() if member.chat_id}
    return _Facts(tickets, messages, members, told_profiles(chat_ids), open_channels(channel_ids))


def _plan(call: StreamCall, facts: _Facts) -> Plan:
    match call.action:
        case Action.UPSERT_USER:
            return _tell(call, facts)
        case Action.OPEN_CHANNEL:
            return _open(call, facts)
        case Action.SEND_MESSAGE:
            return _say(call, facts)
        case Action.DELETE_USER:
            return Plan(call, _erasure(call))
    raise AssertionError(call.action)


def _tell(call: StreamCall, facts: _Facts) -> Plan:
    member = facts.members.get(call.arguments["user_id"])
    if member is None:
        return Plan(call)
    user = as_user(member)
    return Plan(call, _unless_told(user, facts), _KNOWN, user.fingerprint())


def _open(call: StreamCall, facts: _Facts) -> Plan:
    ticket = facts.tickets.get(call.arguments["channel_id"])
    return Plan(call) if ticket is None else Plan(call, _channel(ticket, facts))


def _say(call: StreamCall, facts: _Facts) -> Plan:
    message = facts.messages.get(call.arguments["message_id"])
    ticket = facts.tickets.get(call.arguments["channel_id"])
    if message is None or ticket is None:
        return Plan(call)
    by_bot = message.author == TicketMessage.Author.BOT
    author = None if by_bot else facts.members.get(message.user_id or 0)
    if author is None and not by_bot:
        return Plan(call)
    say = stream.Say(
        channel_id=ticket.channel_id,
        message_id=message.message_id,
        by=as_user(author).id if author else stream.bot().id,
        text=message.text,
    )
    told = _unless_told(as_user(author), facts) if author else ()
    return Plan(call, (*_channel(ticket, facts), *told, say))


def _erasure(call: StreamCall) -> tuple[stream.Request, ...]:
    channel_ids = call.arguments["channel_ids"]
    parts = range(0, len(channel_ids), stream.MOST_ERASED)
    channels = [stream.EraseChannels(tuple(channel_ids[n : n + stream.MOST_ERASED])) for n in parts]
    return (*channels, stream.EraseUser(call.arguments["stream_user_id"]))


def _channel(ticket: SupportTicket, facts: _Facts) -> tuple[stream.Request, ...]:
    """Return what makes a channel that we don't know to be there, its users first."""
    member = facts.members.get(ticket.user_id)
    if member is None or ticket.channel_id in facts.channels:
        return ()
    user = as_user(member)
    bot = _unless_told(stream.bot(), facts)
    opened = stream.OpenChannel(ticket.channel_id, ticket.pk, ticket.subject, user.id)
    return (*bot, *_unless_told(user, facts), opened)


def _unless_told(user: ChatUser, facts: _Facts) -> tuple[stream.TellUser, ...]:
    """Return what tells Stream of a user, if it wasn't told the same last."""
    return () if facts.told.get(user.id) == user.fingerprint() else (stream.TellUser(user),)
