"""Stream's webhooks: taken in once, followed in any order."""

from datetime import timedelta
from itertools import permutations
from random import Random

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from prometheus_client import REGISTRY

from accounts.facade import LOYALTY_MANAGER, OPERATOR, members_of_chat_ids
from chat_support import tasks
from chat_support.models import StreamCall, StreamWebhook, SupportTicket, TicketChange, TicketMessage
from chat_support.services.following import ATTACHMENT, LONGEST_TEXT, follow
from chat_support.services.looking_after import mark_breaches
from chat_support.services.webhooks import take_webhook
from chat_support.services.writing import answer_ticket
from core import outbox
from core.contracts import Actor
from core.models import AuditEntry, OutboxMessage
from notifications.models import InboxMessage
from tests.accounts.factories import make_user
from tests.chat_support.desk import DAY, HOUR, MINUTE, MONDAY, fresh, make_agent, opened
from tests.chat_support.stream import (
    KEY,
    PATH,
    SECRET,
    channel_deleted,
    message_event,
    read_event,
    seen,
    send,
)
from tests.concurrency import together
from tests.test_url_walk import staff

pytestmark = pytest.mark.django_db

LATER = MONDAY + DAY


@pytest.fixture(autouse=True)
def stream(settings):
    settings.STREAM_CHAT_API_KEY, settings.STREAM_CHAT_SECRET = KEY, SECRET


@pytest.fixture
def member(db):
    return make_user("thandi", first_name="Thandi", stream_chat_user_id="mh-thandi")


@pytest.fixture
def agent(db):
    return make_agent("nomsa", on_duty=False, stream_chat_user_id="mh-nomsa")


@pytest.fixture
def ticket(member):
    return opened(member)


def by_member(ticket, text="So", *, at, **fields):
    return message_event(ticket.channel_id, "mh-thandi", text, at=at, **fields)


def by_agent(ticket, text="So", *, at, **fields):
    return message_event(ticket.channel_id, "mh-nomsa", text, at=at, **fields)


def state(ticket):
    found = fresh(ticket)
    return {
        "answered": found.first_answered_at,
        "last": found.last_message_at,
        "by_member": found.last_message_by_member,
        "unread": (found.unread_by_member, found.unread_by_agents),
        "status": found.status,
        "waits": found.waiting_since is not None,
    }


# --- coming in ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [PATH, f"/api/v1{PATH}"])
@pytest.mark.parametrize("compressed", [False, True])
def test_a_webhook_is_kept_answered_and_followed(ticket, agent, path, compressed):
    event = by_agent(ticket, "It left today.", at=MONDAY + HOUR)
    answer = send(event, compressed=compressed, path=path, x_webhook_id="hook")
    assert (answer.status_code, answer.json()) == (200, {"received": True})
    webhook = StreamWebhook.objects.get()
    assert (webhook.webhook_id, webhook.event_type, webhook.channel_id, webhook.stream_user_id) == (
        "hook", "message.new", ticket.channel_id, "mh-nomsa",
    )  # fmt: skip
    assert webhook.payload == {
        name: value for name, value in event.items() if name not in ("request_info", "members")
    }
    assert (webhook.outcome, webhook.processed_at) == ("", None)
    assert list(OutboxMessage.objects.filter(topic="stream.webhook").values_list("payload", flat=True)) == [
        {"webhook_id": webhook.pk}
    ]
    assert outbox.drain(5)
    webhook.refresh_from_db()
    assert (webhook.outcome, webhook.processed_at is not None) == ("applied", True)
    message = ticket.messages.latest("id")
    assert (message.message_id, message.author, message.user, message.text, message.said_at) == (
        event["message"]["id"], "agent", agent, "It left today.", MONDAY + HOUR,
    )  # fmt: skip


def test_a_replay_is_answered_alike_and_writes_nothing(ticket, agent):
    event = by_agent(ticket, at=MONDAY + HOUR)
    for _ in range(3):
        assert send(event, x_webhook_id="hook").json() == {"received": True}
    assert StreamWebhook.objects.count() == 1
    assert OutboxMessage.objects.filter(topic="stream.webhook").count() == 1
    assert outbox.drain(5)
    assert send(event, x_webhook_id="hook").status_code == 200
    assert not OutboxMessage.objects.filter(topic="stream.webhook").exists()
    assert ticket.messages.count() == 2


@pytest.mark.django_db(transaction=True)
def test_twenty_replays_at_once_are_one(ticket, agent):
    event = by_agent(ticket, at=MONDAY + HOUR)
    answers = together(*[lambda: send(event, x_webhook_id="hook").status_code] * 20)
    assert answers == [200] * 20
    assert StreamWebhook.objects.count() == 1
    assert OutboxMessage.objects.filter(topic="stream.webhook").count() == 1


def test_a_type_that_changes_no_ticket_is_answered_and_not_kept(ticket):
    labels = {"type": "other", "outcome": "ignored"}
    for event_type in ("typing.start", "user.presence.changed", "made.up"):
        assert send({"type": event_type, "channel_id": ticket.channel_id}).status_code == 200
    assert not StreamWebhook.objects.exists()
    assert REGISTRY.get_sample_value("markethub_stream_webhooks_total", {**labels, "type": "made.up"}) is None


def test_webhooks_are_counted_by_type_and_outcome(ticket, agent, django_capture_on_commit_callbacks):
    def counted(name, outcome):
        labels = {"type": "message.new", "outcome": outcome}
        return REGISTRY.get_sample_value(f"markethub_{name}_total", labels) or 0

    names = [
        ("stream_webhooks", "received"),
        ("stream_webhooks", "repeated"),
        ("stream_webhooks_followed", "applied"),
    ]
    before = [counted(*name) for name in names]
    event = by_agent(ticket, at=MONDAY + HOUR)
    with django_capture_on_commit_callbacks(execute=True):
        for _ in range(3):
            send(event, x_webhook_id="hook")
        follow(StreamWebhook.objects.values_list("pk", flat=True), at=LATER)
    assert [counted(*name) - count for name, count in zip(names, before, strict=True)] == [1, 2, 1]


def test_without_credentials_chat_is_off(settings):
    settings.STREAM_CHAT_SECRET = ""
    answer = send({"type": "message.new"})
    assert (answer.status_code, answer.json()["code"]) == (503, "chat_off")


def test_taking_one_in_costs_few_statements_and_a_refusal_none(ticket, agent):
    event = by_agent(ticket, at=MONDAY + HOUR)
    with CaptureQueriesContext(connection) as queries:
        send(event, x_webhook_id="hook")
    # BEGIN and COMMIT are savepoints here; look, savepoint, insert, release, tell.
    assert len(queries) == 7
    with CaptureQueriesContext(connection) as queries:
        assert send(event, x_signature="0" * 64).status_code == 401
    assert len(queries) == 0


def test_a_hundred_cost_little_more_than_one(ticket, agent):
    def costs(count, since):
        for number in range(count):
            at = MONDAY + since * HOUR + number * MINUTE
            take_webhook(
                webhook_id=f"{since}-{number}",
                event_type="message.new",
                payload=by_agent(ticket, at=at),
                at=at,
            )
        waiting = StreamWebhook.objects.filter(processed_at=None).values_list("pk", flat=True)
        with CaptureQueriesContext(connection) as queries:
            assert follow(list(waiting), at=LATER) == count
        return len(queries)

    costs(1, since=1)  # the first answer steps
    one, fifty = costs(1, since=2), costs(50, since=3)
    assert (fifty - one) / 49 == 8  # of each message alone; people, tickets and webhooks are read once


# --- who says it --------------------------------------------------------------------------------------------


def test_our_own_message_that_comes_back_is_known(ticket, agent):
    written = answer_ticket(ticket_id=ticket.pk, text="So", actor=Actor.of(agent), at=MONDAY + HOUR)
    before = state(ticket)
    asked = StreamCall.objects.count()
    assert seen(by_agent(ticket, at=MONDAY + 2 * HOUR, message_id=written.message_id), at=LATER) == ["known"]
    assert (state(ticket), ticket.messages.count(), StreamCall.objects.count()) == (before, 2, asked)


def test_our_bot_and_streams_own_messages_are_passed_over(ticket, member, agent):
    bot = message_event(ticket.channel_id, "markethub-bot", at=MONDAY + HOUR)
    system = by_agent(ticket, at=MONDAY + HOUR, type="system")
    assert seen(bot, system, at=LATER) == ["ours", "ours"]
    assert ticket.messages.count() == 1
    assert [webhook.payload for webhook in StreamWebhook.objects.all()] == [{}, {}]


def test_a_stranger_is_not_recorded_and_nothing_of_theirs_is_kept(ticket, caplog):
    make_user("sipho", stream_chat_user_id="mh-sipho")
    events = [message_event(ticket.channel_id, name, "Buy!", at=MONDAY) for name in ("mh-sipho", "mh-none")]
    assert seen(*events, read_event(ticket.channel_id, "mh-sipho", at=LATER), at=LATER) == ["stranger"] * 3
    assert ticket.messages.count() == 1
    assert [webhook.payload for webhook in StreamWebhook.objects.all()] == [{}, {}, {}]
    assert "Buy!" not in caplog.text


def test_another_members_ticket_is_not_written_in_by_a_channel_of_ones_own(ticket, member):
    other = make_user("sipho", stream_chat_user_id="mh-sipho")
    theirs, first = opened(other), ticket.messages.get()
    event = message_event(
        theirs.channel_id,
        "mh-sipho",
        "Mine now",
        at=LATER,
        kind="message.updated",
        message_id=first.message_id,
    )
    gone = event | {"type": "message.deleted"}
    assert seen(event, gone, at=LATER) == ["known", "known"]
    first.refresh_from_db()
    assert (first.text, first.deleted_at) == ("Where is it?", None)


def test_a_channel_that_is_no_tickets_is_passed_over():
    assert seen(message_event("elsewhere", "mh-thandi", at=MONDAY), at=LATER) == ["no_ticket"]
    assert StreamWebhook.objects.get().payload == {}


def test_chat_ids_are_told_to_be_whose(member, agent):
    make_user()
    found = members_of_chat_ids(["mh-thandi", "mh-nomsa", "mh-none", ""])
    assert found == {"mh-thandi": member.pk, "mh-nomsa": agent.pk}


def test_a_cid_names_the_channel_where_nothing_else_does(ticket, agent):
    event = by_agent(ticket, at=MONDAY + HOUR)
    del event["channel_id"]
    assert seen(event, at=LATER) == ["applied"]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("x" * LONGEST_TEXT, "x" * LONGEST_TEXT),
        ("x" * (LONGEST_TEXT + 1), "x" * (LONGEST_TEXT - 1) + "…"),
        ("", ATTACHMENT),
        (None, ATTACHMENT),
        ("  two\nlines ", "  two\nlines "),
    ],
)
def test_words_are_kept_as_they_are_up_to_the_longest(ticket, agent, text, kept):
    seen(by_agent(ticket, text, at=MONDAY + HOUR), at=LATER)
    assert ticket.messages.latest("id").text == kept


# --- in any order -------------------------------------------------------------------------------------------


def test_every_order_of_a_conversation_ends_the_same(member, agent):
    t = [MONDAY + number * MINUTE for number in range(10)]
    ends = []
    for number, order in enumerate(permutations(range(5))):
        ticket = opened(member)
        name = f"second-{number}"
        story = [
            by_agent(ticket, "Second", at=t[2], message_id=name),
            by_agent(ticket, "2nd", at=t[4], said_at=t[2], kind="message.updated", message_id=name),
            read_event(ticket.channel_id, "mh-thandi", at=t[3]),
            by_member(ticket, "And now?", at=t[5]),
            by_agent(ticket, "Now", at=t[6]),
        ]
        seen(*(story[place] for place in order), at=LATER)
        messages = ticket.messages.order_by("said_at").values_list(
            "text", "said_at", "edited_at", "deleted_at"
        )
        ends.append((state(ticket), list(messages)))
    assert ends[0] == (
        {
            "answered": t[2],
            "last": t[6],
            "by_member": False,
            "unread": (1, 0),
            "status": "in_progress",
            "waits": True,
        },
        [
            ("Where is it?", t[0], None, None),
            ("2nd", t[2], t[4], None),
            ("And now?", t[5], None, None),
            ("Now", t[6], None, None),
        ],
    )
    assert [end for end in ends if end != ends[0]] == []


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_of_two_changes_the_later_counts_and_what_was_deleted_stays_so(ticket, agent, order):
    t = [MONDAY + number * MINUTE for number in range(10)]

    def event(kind, text, at):
        return by_agent(ticket, text, at=at, said_at=t[1], kind=kind, message_id="one")

    story = [
        event("message.new", "v1", t[1]),
        event("message.updated", "v2", t[2]),
        event("message.updated", "v1", t[3]),
        event("message.deleted", "v1", t[5]),
    ]
    for place in order:
        seen(story[place], at=LATER)
    message = ticket.messages.get(message_id="one")
    assert (message.text, message.said_at, message.deleted_at) == ("", t[1], t[5])
    assert (fresh(ticket).first_answered_at, fresh(ticket).unread_by_member) == (t[1], 0)
    kept = TicketMessage.objects.filter(ticket=ticket).count()
    assert kept == 2


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_words_that_were_put_back_are_as_they_were_put_back(ticket, agent, order):
    t = [MONDAY + number * MINUTE for number in range(10)]
    story = [
        by_agent(ticket, "v1", at=t[1], message_id="one"),
        by_agent(ticket, "v2", at=t[2], said_at=t[1], kind="message.updated", message_id="one"),
        by_agent(ticket, "v1", at=t[3], said_at=t[1], kind="message.updated", message_id="one"),
    ]
    for place in order:
        seen(story[place], at=LATER)
    message = ticket.messages.get(message_id="one")
    assert (message.text, message.edited_at, message.text_as_of) == ("v1", t[3], t[3])


def test_an_update_that_changed_no_words_says_so(ticket, agent):
    event = by_agent(ticket, "v1", at=MONDAY + HOUR, message_id="one")
    pinned = by_agent(
        ticket, "v1", at=MONDAY + 2 * HOUR, said_at=MONDAY + HOUR, kind="message.updated", message_id="one",
        pinned=True, message_text_updated_at=None,
    )  # fmt: skip
    assert seen(event, pinned, at=LATER) == ["applied", "applied"]
    assert ticket.messages.get(message_id="one").edited_at is None


def test_an_answer_that_was_deleted_before_it_came_is_not_told_of(ticket, member, agent):
    event = by_agent(
        ticket, "Wrong", at=MONDAY + HOUR, said_at=MONDAY, kind="message.deleted", message_id="one"
    )
    assert seen(event, at=LATER) == ["applied"]
    assert outbox.drain(5)
    assert not InboxMessage.objects.filter(user=member).exists()
    assert seen(by_agent(ticket, "Wrong", at=MONDAY, message_id="one"), at=LATER) == ["known"]
    assert ticket.messages.get(message_id="one").text == ""


def test_a_reading_before_what_was_read_counts_it_as_read(ticket, agent):
    seen(read_event(ticket.channel_id, "mh-thandi", at=MONDAY + 2 * HOUR), at=LATER)
    seen(by_agent(ticket, at=MONDAY + HOUR), at=LATER)
    assert fresh(ticket).unread_by_member == 0
    seen(by_agent(ticket, at=MONDAY + 3 * HOUR), at=LATER)
    assert fresh(ticket).unread_by_member == 1


def test_an_agent_reads_too_and_nobody_reads_the_future(ticket, agent):
    assert fresh(ticket).unread_by_agents == 1
    seen(read_event(ticket.channel_id, "mh-nomsa", at=MONDAY + 9 * DAY), at=MONDAY + HOUR)
    assert (fresh(ticket).unread_by_agents, fresh(ticket).agents_read_until) == (0, MONDAY + HOUR)
    seen(by_member(ticket, at=MONDAY + 2 * HOUR), at=LATER)
    assert fresh(ticket).unread_by_agents == 1


def test_a_first_answer_whose_news_is_late_was_in_time(member, agent, published):
    ticket = opened(member, priority="urgent")
    assert mark_breaches(at=MONDAY + 20 * MINUTE) == 1
    assert fresh(ticket).first_answer_breached_at == MONDAY + 15 * MINUTE
    seen(by_agent(ticket, at=MONDAY + 10 * MINUTE), at=MONDAY + HOUR)
    found = fresh(ticket)
    assert (found.first_answered_at, found.first_answer_breached_at) == (MONDAY + 10 * MINUTE, None)
    changes = TicketChange.objects.filter(ticket_id=ticket.pk, what="breach").values_list("before", "after")
    assert list(changes) == [("", "first_answer"), ("first_answer", "")]


def test_a_first_answer_that_was_late_stays_so(member, agent):
    ticket = opened(member, priority="urgent")
    seen(by_agent(ticket, at=MONDAY + 16 * MINUTE), at=MONDAY + HOUR)
    found = fresh(ticket)
    assert (found.first_answered_at, found.first_answer_breached_at) == (
        MONDAY + 16 * MINUTE,
        MONDAY + 15 * MINUTE,
    )


def test_a_channel_that_was_deleted_is_noted_once_and_the_ticket_stays(ticket):
    before = state(ticket)
    event = channel_deleted(ticket.channel_id, at=MONDAY + HOUR)
    assert seen(event, event, at=LATER) == ["applied", "known"]
    change = TicketChange.objects.get(ticket_id=ticket.pk, what="channel")
    assert (change.before, change.after, change.actor) == ("in Stream", "deleted", "system")
    assert state(ticket) == before


@pytest.mark.django_db(transaction=True)
def test_two_hundred_webhooks_of_ten_tickets_are_followed_at_once():
    tickets = [opened() for _ in range(10)]
    make_agent(on_duty=False, stream_chat_user_id="mh-nomsa")
    ids = []
    turns = Random("crosswise").sample(range(10), 10)
    for number in range(200):
        # Batches that overlap in their tickets, one forwards, the next backwards.
        batch, place = number % 4, number // 4 % 10
        ticket = tickets[turns[place] if batch % 2 else turns[9 - place]]
        event = by_agent(ticket, at=MONDAY + number * MINUTE, message_id=f"m-{number}")
        take_webhook(webhook_id=f"w-{number}", event_type="message.new", payload=event, at=MONDAY)
        ids.append(StreamWebhook.objects.latest("id").pk)
    jobs = [lambda start=start: follow(ids[start::4], at=LATER) for start in range(4)]
    # Each batch twice: of two at once the second finds nothing left to look at.
    assert sum(together(*jobs, *jobs)) == 200
    assert StreamWebhook.objects.filter(outcome="applied").count() == 200
    assert [fresh(ticket).unread_by_member for ticket in tickets] == [20] * 10


# --- keeping ------------------------------------------------------------------------------------------------


def test_webhooks_are_kept_for_thirty_days(ticket):
    for days in (29, 31):
        take_webhook(
            webhook_id=f"{days}",
            event_type="message.new",
            payload=by_member(ticket, at=MONDAY),
            at=MONDAY - timedelta(days=days),
        )
    with time_machine.travel(MONDAY, tick=False):
        tasks.forget_webhooks()
    assert [webhook.webhook_id for webhook in StreamWebhook.objects.all()] == ["29"]


def test_an_operator_sees_webhooks_and_has_unreadable_ones_looked_at_again(client, ticket, agent):
    event = by_agent(ticket, at=MONDAY + HOUR)
    bad = event | {"created_at": "never"}
    assert seen(bad, event | {"message": event["message"] | {"id": "good"}}, at=LATER) == [
        "unreadable",
        "applied",
    ]
    webhook = StreamWebhook.objects.get(outcome="unreadable")
    assert webhook.detail == "created_at"
    client.force_login(staff(OPERATOR))
    page = "/admin/chat_support/streamwebhook/"
    assert client.get(page, {"q": webhook.webhook_id}).context["cl"].result_count == 1
    assert client.get(f"{page}{webhook.pk}/change/").status_code == 200
    assert client.post(f"{page}{webhook.pk}/delete/").status_code == 403
    StreamWebhook.objects.filter(pk=webhook.pk).update(payload=event)  # as if the reading had been mended
    chosen = list(StreamWebhook.objects.values_list("pk", flat=True))
    client.post(page, {"action": "replay", "_selected_action": chosen})
    assert AuditEntry.objects.filter(action="streamwebhook.replay").count() == 1
    assert outbox.drain(5)
    webhook.refresh_from_db()
    assert (webhook.outcome, webhook.detail) == ("applied", "")
    client.force_login(staff(LOYALTY_MANAGER))
    assert client.get(page).status_code == 403


def test_tickets_that_were_there_keep_what_is_unread(member, agent):
    from importlib import import_module

    ticket = opened(member)
    for minutes in (1, 2, 3):
        seen(by_agent(ticket, at=MONDAY + minutes * MINUTE), at=LATER)
    SupportTicket.objects.update(member_read_until=None, agents_read_until=None, unread_by_member=2)
    with connection.cursor() as cursor:
        cursor.execute(import_module("chat_support.migrations.0005_read_marks").FILL)
    found = fresh(ticket)
    assert (found.member_read_until, found.agents_read_until) == (MONDAY + MINUTE, MONDAY)
    seen(by_agent(ticket, at=MONDAY + 4 * MINUTE), at=LATER)
    assert (fresh(ticket).unread_by_member, fresh(ticket).unread_by_agents) == (3, 0)
