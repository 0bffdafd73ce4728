"""Taking a member's words out of the chat, for good."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Coalesce

from accounts.facade import chat_id_of, forget_chat_id
from chat_support.models import StreamCall, StreamWebhook, SupportTicket, TicketChange, TicketMessage
from chat_support.rules import CLOSED, UNSOLVED
from chat_support.services.clock import note_breaches
from chat_support.services.history import change_of
from chat_support.services.limits import hold_turn
from core.contracts import SYSTEM

ERASED = "(erased)"
_CHUNK = 200
_ON_ITS_WAY = timedelta(minutes=5)
"""A call that a sender holds as its member is erased has come to Stream by then."""

_CHANGED = [
    "status", "closed_at", "waiting_since", "first_answer_breached_at", "solution_breached_at", "subject",
    "rating_comment", "unread_by_member", "unread_by_agents", "erased_at", "updated_at",
]  # fmt: skip


def erase_member_chat(user_id: int, *, at: datetime) -> int:
    """Take every word out of a member's tickets and have them erased in Stream; return how many there were.

    What stays are the desk's statistics: states, times, who looked after it, the rating's number. Unsolved
    tickets are closed, and an erased one can't be opened again. A chunk of tickets is a transaction; ended
    half way, it goes on from there when it is called again. What the member writes meanwhile is found at the
    end, when it is nobody else's turn to write for them.

    Block the member first: who is not blocked gets a new id in Stream with what they ask next.
    """
    erased = 0
    while True:
        while count := _erase_chunk(user_id, at=at):
            erased += count
        _empty_webhooks(chat_id_of(user_id), at=at)
        with transaction.atomic():
            hold_turn(user_id)
            chat_id = chat_id_of(user_id)
            if not _tickets(user_id).exists() and not _webhooks(chat_id).exists():
                _forget_in_stream(user_id, at=at)
                return erased


def _tickets(user_id: int) -> QuerySet[SupportTicket]:
    return SupportTicket.objects.filter(user_id=user_id, erased_at=None)


def _webhooks(chat_id: str | None) -> QuerySet[StreamWebhook]:
    """Those about what the member did, which still say it."""
    return StreamWebhook.objects.filter(stream_user_id=chat_id or "").exclude(stream_user_id="")


@transaction.atomic
def _erase_chunk(user_id: int, *, at: datetime) -> int:
    hold_turn(user_id)  # before the tickets, as those do who write in them
    tickets = list(_tickets(user_id).order_by("pk").select_for_update(no_key=True)[:_CHUNK])
    if not tickets:
        return 0
    channels = [ticket.channel_id for ticket in tickets]
    TicketMessage.objects.filter(ticket__in=tickets).update(
        text="", deleted_at=Coalesce(F("deleted_at"), at), updated_at=at
    )
    _empty(StreamWebhook.objects.filter(channel_id__in=channels), at=at)
    _empty_calls(Q(subject__in=[f"channel:{channel_id}" for channel_id in channels]), at=at)
    unsolved = [ticket for ticket in tickets if ticket.status in UNSOLVED]
    TicketChange.objects.bulk_create(
        [change_of(ticket, "status", ticket.status, CLOSED, actor=SYSTEM, at=at) for ticket in unsolved]
    )
    for ticket in unsolved:
        note_breaches(ticket, at=at)
        ticket.status, ticket.closed_at = CLOSED, at
        ticket.waiting_since = ticket.waiting_since or at
    for ticket in tickets:
        ticket.subject, ticket.rating_comment = ERASED, ""
        ticket.unread_by_member = ticket.unread_by_agents = 0
        ticket.erased_at = ticket.updated_at = at
    SupportTicket.objects.bulk_update(tickets, _CHANGED)
    return len(tickets)


def _empty_webhooks(chat_id: str | None, *, at: datetime) -> None:
    """Empty what the member did in channels that are not their own."""
    _empty(_webhooks(chat_id), at=at)


@transaction.atomic
def _empty(webhooks: QuerySet[StreamWebhook], *, at: datetime) -> None:
    """Take out what webhooks told, and whose it was; one not looked at yet is not needed any more."""
    # In the order in which whoever follows them locks them.
    found = webhooks.order_by("pk").select_for_update(no_key=True)
    StreamWebhook.objects.filter(pk__in=list(found.values_list("pk", flat=True))).update(
        payload={},
        stream_user_id="",
        outcome=StreamWebhook.Outcome.ERASED,
        processed_at=Coalesce(F("processed_at"), at),
    )


def _empty_calls(which: Q, *, at: datetime) -> None:
    """Take out what was or is to be said to Stream; what is still to be said is not."""
    # In the order in which whoever writes down answers locks them.
    found = StreamCall.objects.filter(which).order_by("pk").select_for_update(no_key=True)
    calls = StreamCall.objects.filter(pk__in=list(found.values_list("pk", flat=True)))
    calls.filter(state=StreamCall.State.PENDING).update(
        state=StreamCall.State.FAILED, error="erased", answered_at=at, updated_at=at
    )
    calls.exclude(arguments={}).update(arguments={}, updated_at=at)


def _forget_in_stream(user_id: int, *, at: datetime) -> None:
    """Have the member erased in Stream, once, after whatever is on its way there; the caller holds them."""
    chat_id = forget_chat_id(user_id)
    if chat_id is None:
        return
    subject = f"user:{chat_id}"
    channels = (
        SupportTicket.objects.filter(user_id=user_id).order_by("pk").values_list("channel_id", flat=True)
    )
    _empty_calls(Q(subject=subject), at=at)
    call = StreamCall(
        action=StreamCall.Action.DELETE_USER,
        subject=subject,
        key=f"{subject}:delete",
        arguments={"stream_user_id": chat_id, "channel_ids": list(channels)},
        due_at=at + _ON_ITS_WAY,
        created_at=at,
    )
    StreamCall.objects.bulk_create([call], ignore_conflicts=True)
