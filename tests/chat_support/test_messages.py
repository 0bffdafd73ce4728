"""What a message changes, wherever and in whatever order it was seen."""

from itertools import permutations

import pytest
from django.db import IntegrityError, connection, transaction

from chat_support.messages import TICKET_ANSWERED
from chat_support.models import StreamCall, TicketChange, TicketMessage
from chat_support.services.messages import (
    Author,
    Said,
    change_message,
    mark_channel_read,
    record_message,
    remove_message,
)
from chat_support.services.steps import move_ticket
from chat_support.services.writing import TicketClosed, answer_ticket, write_message
from core import outbox
from core.contracts import SYSTEM, Actor
from notifications.models import InboxMessage, PushNotification
from tests.chat_support.desk import DAY, HOUR, MINUTE, MONDAY, fresh, make_agent, opened

pytestmark = pytest.mark.django_db


@pytest.fixture
def agent(db):
    return make_agent("nomsa", on_duty=False)


@pytest.fixture
def ticket(member):
    return opened(member)


def said(author, user, text="So", *, at=MONDAY + HOUR, message_id=""):
    actor = Actor("bot") if user is None else Actor.of(user)
    name = message_id or f"{author}-{at:%d%H%M}"
    return Said(message_id=name, author=author, actor=actor, text=text, said_at=at)


def seen(ticket, *args, seen_at=None, **fields):
    """Take a message in as a webhook does."""
    message = said(*args, **fields)
    return record_message(channel_id=ticket.channel_id, said=message, at=seen_at or message.said_at)


def test_an_agents_first_word_answers_the_ticket_and_waits_for_the_member(ticket, agent, published):
    message = seen(ticket, Author.AGENT, agent)
    found = fresh(ticket)
    assert (found.status, found.first_answered_at, found.waiting_since) == (
        "in_progress",
        MONDAY + HOUR,
        MONDAY + HOUR,
    )
    assert (found.unread_by_member, found.unread_by_agents) == (1, 0)
    assert (found.last_message_at, found.last_message_by_member) == (MONDAY + HOUR, False)
    assert published("ticket.answered") == [
        {"ticket_id": ticket.pk, "user_id": ticket.user_id, "message_id": message.pk}
    ]


def test_a_message_is_taken_in_once_whoever_tells_of_it_first(ticket, member, agent):
    written = answer_ticket(ticket_id=ticket.pk, text="So", actor=Actor.of(agent), at=MONDAY + HOUR)
    again = said(Author.AGENT, agent, message_id=written.message_id)
    before = fresh(ticket).__dict__ | {"_state": None}
    assert record_message(channel_id=ticket.channel_id, said=again, at=MONDAY + 2 * HOUR) is None
    assert fresh(ticket).__dict__ | {"_state": None} == before
    seen(ticket, Author.MEMBER, member, message_id="theirs", at=MONDAY + 3 * HOUR)
    seen(ticket, Author.MEMBER, member, message_id="theirs", at=MONDAY + 3 * HOUR)
    assert ticket.messages.count() == 3
    assert fresh(ticket).unread_by_agents == 1


def test_what_was_seen_in_stream_is_not_asked_of_stream(ticket, agent):
    before = StreamCall.objects.count()
    seen(ticket, Author.AGENT, agent)
    assert StreamCall.objects.count() == before


def test_a_channel_that_is_no_tickets_is_passed_over(agent):
    unknown = said(Author.AGENT, agent)
    assert record_message(channel_id="elsewhere", said=unknown, at=MONDAY) is None
    assert not TicketMessage.objects.exists()


def test_our_bots_words_are_nobodys_turn(ticket):
    seen(ticket, Author.BOT, None)
    found = fresh(ticket)
    assert (found.status, found.waiting_since, found.first_answered_at) == ("open", None, None)
    assert (found.unread_by_member, found.unread_by_agents) == (0, 1)


def test_the_order_in_which_webhooks_come_does_not_matter_to_whose_turn_it_is(member, agent):
    story = [
        (Author.AGENT, agent, MONDAY + 10 * MINUTE),
        (Author.MEMBER, member, MONDAY + 20 * MINUTE),
        (Author.AGENT, agent, MONDAY + 30 * MINUTE),
    ]
    ends = set()
    for number, order in enumerate(permutations(story)):
        ticket = opened(member)
        for author, user, at in order:
            seen(ticket, author, user, at=at, seen_at=MONDAY + HOUR, message_id=f"{number}-{at:%M}")
        found = fresh(ticket)
        ends.add(
            (
                found.status,
                found.first_answered_at,
                found.last_message_at,
                found.last_message_by_member,
                found.waiting_since is not None,
            )
        )
    assert ends == {("in_progress", story[0][2], story[2][2], False, True)}


def test_a_message_of_the_future_was_said_now(ticket, member):
    seen(ticket, Author.MEMBER, member, at=MONDAY + 9 * DAY, seen_at=MONDAY + HOUR)
    assert fresh(ticket).last_message_at == MONDAY + HOUR


def test_what_was_said_in_stream_to_a_closed_ticket_opens_it_again(ticket, member):
    move_ticket(ticket_id=ticket.pk, to="closed", actor=SYSTEM, at=MONDAY)
    seen(ticket, Author.MEMBER, member)
    found = fresh(ticket)
    assert (found.status, found.closed_at, found.waiting_since) == ("open", None, None)


def test_an_agents_last_word_leaves_a_resolved_ticket_resolved(ticket, agent):
    move_ticket(ticket_id=ticket.pk, to="resolved", actor=SYSTEM, at=MONDAY)
    seen(ticket, Author.AGENT, agent)
    assert (fresh(ticket).status, fresh(ticket).waiting_since) == ("resolved", MONDAY)


def test_answering_takes_a_ticket_that_is_nobodys_and_resolves_it_where_wanted(ticket, agent, published):
    actor = Actor.of(agent)
    for _ in range(2):
        answer_ticket(ticket_id=ticket.pk, text="Done", actor=actor, at=MONDAY, key="tap", resolve=True)
    found = fresh(ticket)
    assert (found.assigned_agent, found.status, found.resolved_at) == (agent, "resolved", MONDAY)
    changes = TicketChange.objects.filter(ticket_id=ticket.pk, actor="staff:nomsa").order_by("id")
    assert list(changes.values_list("what", "before", "after")) == [
        ("status", "open", "in_progress"),
        ("agent", "", "nomsa"),
        ("status", "in_progress", "resolved"),
    ]
    assert (ticket.messages.count(), len(published("ticket.resolved"))) == (2, 1)


def test_a_closed_ticket_is_not_answered(ticket, agent):
    move_ticket(ticket_id=ticket.pk, to="closed", actor=SYSTEM, at=MONDAY)
    with pytest.raises(TicketClosed):
        answer_ticket(ticket_id=ticket.pk, text="So", actor=Actor.of(agent), at=MONDAY)
    assert (ticket.messages.count(), fresh(ticket).assigned_agent) == (1, None)


# --- changed, deleted, read ---------------------------------------------------------------------------------


def test_a_message_is_changed_and_deleted_with_its_words(ticket):
    first = ticket.messages.get()
    where = {"channel_id": ticket.channel_id, "message_id": first.message_id}

    def changed(text, as_of):
        return change_message(**where, text=text, as_of=as_of, edited_at=as_of, at=MONDAY + 3 * HOUR)

    assert changed("Where?", MONDAY + HOUR)
    assert not changed("Where?", MONDAY + HOUR)
    assert not changed("Older", MONDAY + MINUTE)
    first.refresh_from_db()
    assert (first.text, first.edited_at) == ("Where?", MONDAY + HOUR)
    assert not remove_message(**where | {"channel_id": "elsewhere"}, at=MONDAY + HOUR)
    assert remove_message(**where, at=MONDAY + HOUR)
    assert not remove_message(**where, at=MONDAY + 2 * HOUR)
    assert not changed("Back", MONDAY + 2 * HOUR)
    assert fresh(ticket).unread_by_agents == 0
    first.refresh_from_db()
    assert (first.text, first.deleted_at) == ("", MONDAY + HOUR)


def test_reading_counts_until_then_and_an_older_reading_takes_nothing_back(ticket, agent):
    for minutes in (1, 2, 3):
        seen(ticket, Author.AGENT, agent, at=MONDAY + minutes * MINUTE)
    for until, unread in ((2, 1), (1, 1), (3, 0), (1, 0)):
        assert mark_channel_read(channel_id=ticket.channel_id, by_member=True, until=MONDAY + until * MINUTE)
        assert fresh(ticket).unread_by_member == unread
    assert not mark_channel_read(channel_id="elsewhere", by_member=True, until=MONDAY)


# --- telling ------------------------------------------------------------------------------------------------


def test_the_member_is_told_of_an_answer_without_its_words(ticket, member, agent):
    answer = answer_ticket(ticket_id=ticket.pk, text="Secret", actor=Actor.of(agent), at=MONDAY)
    assert outbox.drain(5)
    told = InboxMessage.objects.get(user=member)
    assert (told.kind, told.category, told.key, told.title, told.body, told.link) == (
        "ticket_answered",
        "chat",
        f"ticket:{ticket.pk}:answer:{answer.pk}",
        "Support has answered",
        f"There is an answer in your ticket {ticket.pk}.",
        f"markethub://tickets/{ticket.pk}",
    )
    assert PushNotification.objects.get().notification_id == told.notification_id
    assert TICKET_ANSWERED.purpose == "transactional"


def test_the_member_is_not_told_of_what_they_have_read_or_what_is_gone(ticket, member, agent):
    gone = answer_ticket(ticket_id=ticket.pk, text="Wrong", actor=Actor.of(agent), at=MONDAY)
    remove_message(channel_id=ticket.channel_id, message_id=gone.message_id, at=MONDAY)
    assert outbox.drain(5)
    answer_ticket(ticket_id=ticket.pk, text="Right", actor=Actor.of(agent), at=MONDAY)
    mark_channel_read(channel_id=ticket.channel_id, by_member=True, until=MONDAY)
    assert outbox.drain(5)
    assert not InboxMessage.objects.exists()


def test_the_member_is_not_told_of_their_own_words(ticket, member):
    write_message(user_id=member.pk, ticket_id=ticket.pk, text="Hi", actor=Actor.of(member), at=MONDAY)
    assert outbox.drain(5)
    assert not InboxMessage.objects.exists()


# --- what the database refuses ------------------------------------------------------------------------------


@pytest.mark.parametrize("statement", ["UPDATE ticket_changes SET actor = 'x'", "DELETE FROM ticket_changes"])
def test_history_only_grows(ticket, statement):
    with pytest.raises(Exception, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert TicketChange.objects.count() == 1


def test_a_message_id_is_there_once(ticket):
    first = ticket.messages.get()
    first.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        first.save(force_insert=True)
