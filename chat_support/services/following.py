"""Following in tickets what happened in their channels, as Stream's webhooks tell it in any order.

Whatever comes first of a message makes it: its update and its deletion show all of it. Of two versions the
later counts, and unread messages are counted anew from what has been said and read. So every order ends the
same.
"""

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from rest_framework.exceptions import ValidationError

from accounts.facade import members_of_chat_ids
from chat_support import stream_events as events
from chat_support.metrics import count_followed
from chat_support.models import Agent, StreamWebhook, SupportTicket, TicketChange, TicketMessage
from chat_support.services.history import note_change
from chat_support.services.messages import (
    Author,
    Said,
    change_message,
    mark_channel_read,
    record_message,
    remove_message,
)
from core.api.problems import problem_of
from core.contracts import SYSTEM, Actor

logger = logging.getLogger(__name__)

Outcome = StreamWebhook.Outcome

LONGEST_TEXT = 5000
ATTACHMENT = "(attachment)"
"""In the place of no words: a text that is empty was deleted."""
_CUT = "…"
_SAID = frozenset({"regular", "reply", "deleted"})
"""Types of messages that somebody has written; the others are Stream's own."""
_OF_USE = frozenset({Outcome.APPLIED, Outcome.KNOWN, Outcome.UNREADABLE})


@dataclass(frozen=True, slots=True)
class _People:
    """Who is behind the Stream ids of some webhooks."""

    users: Mapping[str, int]
    agents: Mapping[int, Actor]

    def author(self, ticket: SupportTicket, stream_id: str) -> tuple[TicketMessage.Author, Actor] | None:
        """Say as what somebody takes part in a ticket; None of who has no part in it."""
        user_id = self.users.get(stream_id)
        if user_id == ticket.user_id:
            return Author.MEMBER, Actor.of(ticket.user)
        agent = self.agents.get(user_id or 0)
        return None if agent is None else (Author.AGENT, agent)


@transaction.atomic
def follow(webhook_ids: Collection[int], *, at: datetime) -> int:
    """Take in webhooks that are kept and were not looked at yet; return how many there were.

    Tickets are locked before webhooks, as those do who erase them.
    """
    kept = StreamWebhook.objects.filter(pk__in=webhook_ids, processed_at=None)
    channels = set(kept.values_list("channel_id", flat=True))
    locked = (
        SupportTicket.objects.filter(channel_id__in=channels)
        .select_related("user")
        .order_by("pk")
        .select_for_update(of=("self",), no_key=True)
    )
    tickets = {ticket.channel_id: ticket for ticket in locked}
    webhooks = list(kept.order_by("pk").select_for_update())
    people = _people({webhook.stream_user_id for webhook in webhooks} - {""})
    for webhook in webhooks:
        webhook.outcome = _follow(webhook, tickets.get(webhook.channel_id), people, at=at)
        webhook.processed_at = at
        if webhook.outcome not in _OF_USE:
            webhook.payload = {}
        count_followed(webhook.event_type, webhook.outcome)
    StreamWebhook.objects.bulk_update(webhooks, ["outcome", "detail", "processed_at", "payload"])
    return len(webhooks)


def _people(stream_ids: Collection[str]) -> _People:
    users = members_of_chat_ids(stream_ids)
    agents = Agent.objects.filter(user_id__in=users.values()).select_related("user")
    return _People(users, {agent.pk: Actor.of(agent.user) for agent in agents})


def _follow(
    webhook: StreamWebhook, ticket: SupportTicket | None, people: _People, *, at: datetime
) -> StreamWebhook.Outcome:
    if ticket is None and webhook.channel_id:
        return Outcome.NO_TICKET
    if ticket is not None and ticket.erased_at is not None:
        return Outcome.ERASED
    if webhook.stream_user_id == settings.STREAM_BOT_ID:
        return Outcome.OURS
    try:
        event = events.read_event(webhook.event_type, webhook.payload)
    except ValidationError as error:
        webhook.detail = ", ".join(sorted(problem_of(error)["errors"]))[:200]
        logger.warning("webhook %d of Stream can't be read: %s", webhook.pk, webhook.detail)
        return Outcome.UNREADABLE
    assert ticket is not None  # an event without a channel can't be read
    if webhook.event_type == events.CHANNEL_DELETED:
        return _channel_deleted(ticket, at=at)
    author = people.author(ticket, webhook.stream_user_id)
    if author is None:
        logger.warning("webhook %d of Stream is by nobody of ticket %d", webhook.pk, ticket.pk)
        return Outcome.STRANGER
    if webhook.event_type == events.MESSAGE_READ:
        return _read(ticket, author[0], event, at=at)
    if event["message"]["type"] not in _SAID:
        return Outcome.OURS
    return _said(webhook.event_type, ticket, author, event, at=at)


def _said(
    event_type: str,
    ticket: SupportTicket,
    author: tuple[TicketMessage.Author, Actor],
    event: dict[str, Any],
    *,
    at: datetime,
) -> StreamWebhook.Outcome:
    message = event["message"]
    is_deleted, is_updated = (event_type == kind for kind in (events.MESSAGE_DELETED, events.MESSAGE_UPDATED))
    channel_id, message_id = ticket.channel_id, message["id"]
    as_of = message["updated_at"] or event["created_at"]
    text = "" if is_deleted else _words(message)
    # Without word of when its text was changed, an update has changed it.
    edited_at = message.get("message_text_updated_at", as_of if is_updated else None)
    said = Said(
        message_id=message_id,
        author=author[0],
        actor=author[1],
        text=text,
        said_at=message["created_at"],
        as_of=as_of,
        edited_at=None if is_deleted else edited_at,
    )
    is_news = record_message(channel_id=channel_id, said=said, at=at) is not None
    if is_deleted:
        gone_at = min(event["created_at"], at)
        is_news |= remove_message(channel_id=channel_id, message_id=message_id, at=gone_at)
    elif is_updated and not is_news:
        is_news = change_message(
            channel_id=channel_id, message_id=message_id, text=text, as_of=as_of, edited_at=edited_at, at=at
        )
    return Outcome.APPLIED if is_news else Outcome.KNOWN


def _words(message: dict[str, Any]) -> str:
    """Return what was said, no longer than what the app itself may say; Stream has the rest."""
    text = message["text"] or ""
    if len(text) > LONGEST_TEXT:
        return text[: LONGEST_TEXT - len(_CUT)] + _CUT
    return text or ATTACHMENT


def _read(
    ticket: SupportTicket, reader: TicketMessage.Author, event: dict[str, Any], *, at: datetime
) -> StreamWebhook.Outcome:
    until = min(event["created_at"], at)
    mark_channel_read(channel_id=ticket.channel_id, by_member=reader == Author.MEMBER, until=until)
    return Outcome.APPLIED


def _channel_deleted(ticket: SupportTicket, *, at: datetime) -> StreamWebhook.Outcome:
    """Note it in the ticket's history, once.

    The ticket stays as it is: somebody's question is still there, and is answered through the app.
    """
    if TicketChange.objects.filter(ticket_id=ticket.pk, what="channel").exists():
        return Outcome.KNOWN
    note_change(ticket, "channel", "in Stream", "deleted", actor=SYSTEM, at=at)
    logger.warning("the channel of ticket %d was deleted in Stream", ticket.pk)
    return Outcome.APPLIED
