"""Calls on their way to Stream: a real server on loopback answers as Stream does."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta

import pytest
from aiohttp import ClientTimeout
from django.conf import settings as django_settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from prometheus_client import REGISTRY

from accounts.facade import ensure_chat_ids
from accounts.models import User
from chat_support.answers import LAST_TRY, Answer, Verdict, answer_of, wait_after
from chat_support.facade import erase_member_chat
from chat_support.models import StreamCall, StreamWebhook, TicketMessage
from chat_support.selectors.stream import first_of_each_subject
from chat_support.services.calling import call_due
from chat_support.services.keeping_calls import forget_calls, try_again
from chat_support.services.messages import remove_message
from chat_support.services.planning import Plan, plans_of
from chat_support.services.recording import Outcome, record
from chat_support.services.steps import move_ticket
from chat_support.services.stream_calls import ask_users
from chat_support.services.writing import answer_ticket, write_message
from core import outbox
from core.contracts import SYSTEM, Actor
from core.models import AuditEntry
from core.outgoing import alone, claim, try_alone
from tests.accounts.factories import client_of, make_user
from tests.chat_support.desk import DAY, make_agent, opened
from tests.concurrency import together
from tests.fakes.stream import FakeStream, Said, webhook

pytestmark = pytest.mark.django_db(transaction=True)

BOT = "markethub-bot"


@pytest.fixture
def member():
    return make_user("thandi", first_name="Thandi", email="thandi@example.com", phone="+27821234567")


def id_of(user):
    return ensure_chat_ids([user.pk])[user.pk]


def say(ticket, text):
    user = ticket.user
    return write_message(
        user_id=user.pk, ticket_id=ticket.pk, text=text, actor=Actor.of(user), at=timezone.now()
    )


def states():
    return list(StreamCall.objects.order_by("id").values_list("action", "state"))


def wake():
    StreamCall.objects.filter(state="pending").update(due_at=timezone.now())


def user_calls(user):
    return StreamCall.objects.filter(subject=f"user:{id_of(user)}").order_by("id")


# --- what Stream comes to know ------------------------------------------------------------------------------


def test_a_ticket_comes_to_stream_with_its_member_its_channel_and_its_words_in_order(stream, member):
    ticket = opened(member, at=timezone.now())
    for number in range(5):
        say(ticket, f"Word {number}")
    agent = make_agent(first_name="Nomsa", email="nomsa@example.com")
    answer_ticket(ticket_id=ticket.pk, text="Tomorrow.", actor=Actor.of(agent), at=timezone.now())
    assert call_due() == 8
    assert stream.users == {
        BOT: {"id": BOT, "role": "user", "name": "MarketHub"},
        id_of(member): {"id": id_of(member), "role": "user", "name": "Thandi"},
        id_of(agent): {"id": id_of(agent), "role": "user", "name": "Nomsa"},
    }
    assert stream.channels == {
        ticket.channel_id: {
            "id": ticket.channel_id,
            "type": "messaging",
            "name": "My parcel",
            "ticket_id": ticket.pk,
            "members": [id_of(member)],
            "created_by": {"id": BOT},
        }
    }
    assert stream.texts(ticket.channel_id) == [
        ("Thandi", "Where is it?"),
        *(("Thandi", f"Word {number}") for number in range(5)),
        ("Nomsa", "Tomorrow."),
    ]
    assert list(stream.messages) == list(
        TicketMessage.objects.order_by("id").values_list("message_id", flat=True)
    )
    assert len(stream.asked) == 3 + 1 + 7  # each user, the channel and each message once
    assert set(states()) == {("open_channel", "done"), ("send_message", "done"), ("upsert_user", "done")}
    assert call_due() == 0


def test_a_second_ticket_tells_of_nobody_again(stream, member):
    opened(member)
    call_due()
    told = len(stream.asked)
    opened(member)
    call_due()
    assert [action for action, _ in stream.asked[told:]] == ["open_channel", "send_message"]


def test_many_tickets_tell_of_each_member_and_of_the_bot_once(stream):
    members = [make_user() for _ in range(10)]
    for user in members * 3:
        opened(user)
    assert call_due() == 60
    told = [what for action, what in stream.asked if action == "upsert_user"]
    assert sorted(told) == sorted([BOT, *(id_of(user) for user in members)])
    assert (len(stream.channels), len(stream.messages)) == (30, 30)


def test_a_message_brings_its_channel_along_where_that_is_not_known(stream, member):
    ticket = opened(member)
    stream.said["open_channel"] = [Said(400, 4, "no such type")]
    call_due()
    assert states() == [
        ("open_channel", "failed"),
        ("send_message", "failed"),
        ("upsert_user", "done"),
        ("upsert_user", "done"),
    ]
    del stream.said["open_channel"]
    say(ticket, "Hello?")
    call_due()
    assert stream.texts(ticket.channel_id) == [("Thandi", "Hello?")]
    assert StreamCall.objects.get(key=f"channel:{ticket.channel_id}:open").state == "done"
    say(ticket, "Hello??")
    before = len(stream.asked)
    call_due()
    assert [action for action, _ in stream.asked[before:]] == ["send_message"]


def test_what_was_deleted_or_erased_meanwhile_is_not_said(stream, member):
    opened(member)
    message = TicketMessage.objects.get()
    remove_message(channel_id=message.ticket.channel_id, message_id=message.message_id, at=timezone.now())
    call_due()
    assert stream.messages == {}
    call = StreamCall.objects.get(action="send_message")
    assert (call.state, call.error) == ("failed", "what it is about is not there any more")


def test_a_user_is_erased_with_all_they_wrote_and_once_more_is_no_failure(stream, member):
    ticket, other = opened(member), opened()
    call_due()
    user_id = id_of(member)
    assert stream.channels.keys() == {ticket.channel_id, other.channel_id}
    erase_member_chat(member.pk, at=timezone.now())
    erasing = StreamCall.objects.filter(action="delete_user")
    before = len(stream.asked)
    for _ in range(2):
        erasing.update(state="pending", due_at=timezone.now())
        call_due()
        assert list(erasing.values_list("state", "error")) == [("done", "")]
    erased = [("delete_channels", ticket.channel_id), ("delete_user", user_id)]
    assert stream.asked[before:] == erased * 2
    assert user_id not in stream.users
    assert stream.channels.keys() == {other.channel_id}
    assert {one["channel_id"] for one in stream.messages.values()} == {other.channel_id}


def test_what_an_erasure_took_out_cant_be_tried_again(stream, member):
    opened(member)
    erase_member_chat(member.pk, at=timezone.now())
    given_up = StreamCall.objects.filter(state="failed").values_list("pk", flat=True)
    assert len(given_up) == 2
    assert try_again(given_up, actor=SYSTEM, at=timezone.now()) == 0
    assert set(states()) == {("open_channel", "failed"), ("send_message", "failed")}


@pytest.mark.parametrize("blocked", [True, False])
def test_a_call_that_is_held_while_its_member_is_erased_makes_no_new_user(stream, member, blocked):
    opened(member)
    call_due()
    opened(member)
    User.objects.filter(pk=member.pk).update(first_name="Nandi", is_active=not blocked)
    ask_users([member.pk])
    held = claim(first_of_each_subject(), limit=10, lease=timedelta(minutes=2), at=timezone.now())
    erase_member_chat(member.pk, at=timezone.now())
    assert [(plan.call.action, plan.requests) for plan in plans_of(held)] == [
        ("open_channel", ()),
        ("upsert_user", ()),
    ]
    member.refresh_from_db()
    assert member.stream_chat_user_id is None


def test_answers_are_written_down_while_their_member_is_erased(member):
    opened(member)
    opened(member)
    calls = claim(first_of_each_subject(), limit=10, lease=timedelta(minutes=2), at=timezone.now())
    outcomes = [Outcome(Plan(call), Answer(Verdict.DONE)) for call in calls]
    StreamCall.objects.filter(pk=calls[0].pk).update(updated_at=timezone.now())  # now the last on the disk
    half_way = threading.Event()

    def slowly(execute, sql, *rest):
        result = execute(sql, *rest)
        if sql.startswith('UPDATE "stream_calls"') and not half_way.is_set():
            half_way.set()
            time.sleep(0.3)
        return result

    def write_down():
        with connection.execute_wrapper(slowly):
            record(outcomes, at=timezone.now())

    def erase():
        assert half_way.wait(10)
        return erase_member_chat(member.pk, at=timezone.now())

    assert together(write_down, erase) == [None, 2]
    assert set(StreamCall.objects.values_list("state", flat=True)) == {"done", "failed"}


def test_what_an_erased_agent_said_makes_no_new_user(stream, member):
    agent = make_agent("nomsa", first_name="Nomsa")
    ticket = opened(member)
    call_due()
    id_of(agent)
    answer_ticket(ticket_id=ticket.pk, text="So", actor=Actor.of(agent), at=timezone.now())
    User.objects.filter(pk=agent.pk).update(is_active=False)
    erase_member_chat(agent.pk, at=timezone.now())
    call_due()
    agent.refresh_from_db()
    assert agent.stream_chat_user_id is None
    assert stream.users.keys() == {BOT, id_of(member)}


def test_the_channels_of_an_erased_member_are_named_a_hundred_at_a_time(stream):
    channel_ids = [f"ticket-{number}" for number in range(250)]
    StreamCall.objects.create(
        action="delete_user",
        subject="user:x",
        key="user:x:delete",
        arguments={"stream_user_id": "x", "channel_ids": channel_ids},
    )
    call_due()
    asked = [action for action, _ in stream.asked]
    assert asked == ["delete_channels"] * 3 + ["delete_user"]
    assert StreamCall.objects.get().state == "done"


def test_what_we_say_comes_back_by_webhook_and_is_known(stream, member):
    events = []
    stream.on_message = events.append
    ticket = opened(member)
    call_due()
    (event,) = events
    heard = json.loads(json.dumps(event))
    heard["message"] |= {"id": "from-the-app", "text": "Hello?"}
    for one in (event, heard):
        body, headers = webhook(one, zipped=True)
        kind = headers.pop("Content-Type")
        assert (
            Client().post("/chat/webhooks/stream/", body, content_type=kind, headers=headers).status_code
            == 200
        )
    assert outbox.drain(20)
    assert list(StreamWebhook.objects.order_by("id").values_list("outcome", flat=True)) == [
        "known",
        "applied",
    ]
    assert list(ticket.messages.values_list("text", flat=True)) == ["Where is it?", "Hello?"]


def test_a_channel_that_is_not_there_keeps_no_other_from_being_erased(stream, member):
    for _ in range(3):
        opened(member)
    call_due()
    assert len(stream.channels) == 3
    erase_member_chat(member.pk, at=timezone.now())
    wake()
    stream.said["delete_channels"] = [Said(404, 16, "channels not found"), Said(201, works=True)]
    call_due()
    assert stream.channels == {}
    assert StreamCall.objects.get(action="delete_user").state == "done"
    StreamCall.objects.filter(action="delete_user").update(state="pending", due_at=timezone.now())
    stream.said["delete_channels"] = [Said(404, 16, "channels not found"), Said(503)]
    call_due()
    assert StreamCall.objects.get(action="delete_user").state == "pending"


# --- members who change -------------------------------------------------------------------------------------


def test_a_changed_profile_is_told_once_and_whole(stream, member, settings):
    settings.PUBLIC_URL = "https://shop.example"
    opened(member)
    call_due()
    app = client_of(member)
    app.patch("/auth/me/", {"first_name": "Nandi", "language": "zu"})
    app.patch("/auth/me/", {"first_name": "Nandi"})
    app.patch("/auth/me/", {"language": "en"})
    User.objects.filter(pk=member.pk).update(avatar="avatars/a.jpg")
    assert outbox.drain(20)
    call_due()
    assert stream.users[id_of(member)] == {
        "id": id_of(member),
        "role": "user",
        "name": "Nandi",
        "image": "https://shop.example/media/avatars/a.jpg",
    }
    assert [what for action, what in stream.asked if action == "upsert_user"].count(id_of(member)) == 2
    app.delete("/auth/me/avatar/")
    assert outbox.drain(20)
    call_due()
    assert "image" not in stream.users[id_of(member)]


def test_a_name_that_comes_back_is_told_again(stream, member):
    opened(member)
    app = client_of(member)
    for name in ("Nandi", "Thandi", "Nandi"):
        call_due()
        app.patch("/auth/me/", {"first_name": name})
        assert outbox.drain(20)
    call_due()
    assert stream.users[id_of(member)]["name"] == "Nandi"
    assert user_calls(member).count() == 4


def test_what_counts_is_what_was_told_and_not_what_was_asked(stream, member):
    def call(name):
        User.objects.filter(pk=member.pk).update(first_name=name)

    id_of(member)
    ask_users([member.pk])
    call("Nandi")
    call_due()
    assert stream.users[id_of(member)]["name"] == "Nandi"
    call("Thandi")
    assert ask_users([member.pk]) == 1
    call_due()
    assert stream.users[id_of(member)]["name"] == "Thandi"
    assert ask_users([member.pk]) == 0


def test_a_name_that_was_put_back_before_it_was_told_is_told_the_next_time(stream, member):
    def call(name):
        User.objects.filter(pk=member.pk).update(first_name=name)
        ask_users([member.pk])

    opened(member)
    call_due()
    call("Nandi")
    call("Thandi")
    call_due()
    assert stream.users[id_of(member)]["name"] == "Thandi"
    call("Nandi")
    call_due()
    assert stream.users[id_of(member)]["name"] == "Nandi"


def test_staff_who_rename_a_member_have_it_told(stream, member, client):
    opened(member)
    call_due()
    client.force_login(make_user("boss", is_staff=True, is_superuser=True))
    page = f"/admin/accounts/user/{member.pk}/change/"
    form = client.get(page).context["adminform"].form
    sent = {name: value for name, value in form.initial.items() if value not in (None, False, [])}
    assert client.post(page, {**sent, "first_name": "Nandi"}).status_code == 302
    assert outbox.drain(20)
    call_due()
    assert stream.users[id_of(member)]["name"] == "Nandi"


def test_of_who_has_no_chat_id_stream_hears_nothing(stream, member):
    client_of(member).patch("/auth/me/", {"first_name": "Nandi"})
    assert outbox.drain(20)
    assert not StreamCall.objects.exists()


def test_a_call_that_nobody_has_begun_is_enough_and_one_under_way_is_not(member):
    id_of(member)
    assert ask_users([member.pk]) == 1
    User.objects.filter(pk=member.pk).update(first_name="Nandi")
    assert ask_users([member.pk]) == 0
    StreamCall.objects.update(tries=1)
    assert ask_users([member.pk]) == 1


def test_two_who_ask_at_once_ask_once(member):
    id_of(member)
    together(*[lambda: ask_users([member.pk])] * 8)
    assert StreamCall.objects.count() == 1


def test_asking_for_fifty_takes_as_many_queries_as_for_one():
    def queries(users):
        ensure_chat_ids([user.pk for user in users])
        with CaptureQueriesContext(connection) as asked:
            assert ask_users([user.pk for user in users]) == len(users)
        return len(asked)

    assert queries([make_user()]) == queries([make_user() for _ in range(50)])


def test_planning_fifty_takes_as_many_queries_as_one(member):
    def queries(count):
        users = [make_user() for _ in range(count)]
        ensure_chat_ids([user.pk for user in users])
        StreamCall.objects.all().delete()
        for user in users:
            opened(user)
        calls = list(StreamCall.objects.all())
        with CaptureQueriesContext(connection) as asked:
            assert len(plans_of(calls)) == 2 * count
        return len(asked)

    assert queries(1) == queries(50) == 6


# --- answers ------------------------------------------------------------------------------------------------

OUTCOMES = [
    # what Stream says; the state of the call, its word, its tries; how long it rests, in seconds
    (Said(400, 4, "text is too odd"), "failed", "400 4 text is too odd", 1, None),
    (Said(400, 20, "too long"), "failed", "400 20 too long", 1, None),
    (Said(404, 16, "no channel"), "failed", "404 16 no channel", 1, None),
    (Said(413, 22, "too big"), "failed", "413 22 too big", 1, None),
    (Said(400, 4, 'a message with ID x already exists"'), "done", "", 1, None),
    (Said(401, 43, "bad signature"), "pending", "401 43 bad signature", 0, (299, 301)),
    (Said(401, 2, "api_key not valid"), "pending", "401 2 api_key not valid", 0, (299, 301)),
    (Said(403, 17, "not allowed"), "pending", "403 17 not allowed", 0, (299, 301)),
    (Said(403, 99, "suspended"), "pending", "403 99 suspended", 0, (299, 301)),
    (Said(403, 60, "cool down"), "pending", "403 60 cool down", 1, (10, 13)),
    (Said(408, 23, "timed out"), "pending", "408 23 timed out", 1, (10, 13)),
    (
        Said(429, 9, "too many", headers=(("Retry-After", "7200"), ("X-RateLimit-Reset", "99"))),
        "pending",
        "429 9 too many",
        1,
        (60, 61),
    ),
    (Said(500, -1, "internal"), "pending", "500 -1 internal", 1, (10, 13)),
    (Said(503, -1, "away"), "pending", "503 -1 away", 1, (10, 13)),
    (Said(502, body=b"<html>"), "pending", "502 -", 1, (10, 13)),
    (Said(200, body=b"<html>"), "pending", "200 -", 1, (10, 13)),
    (Said(500, body=b"{"), "pending", "JSONDecodeError", 1, (10, 13)),
    (Said(500, body=b"[]"), "pending", "AttributeError", 1, (10, 13)),
    (Said(200, body=b"null"), "pending", "TypeError", 1, (10, 13)),
    (Said(0), "pending", "ServerDisconnectedError", 1, (10, 13)),
    (Said(-3), "pending", "TIMEOUT", 1, (10, 13)),
]


@pytest.mark.parametrize(
    ("said", "state", "word", "tries", "rests"), OUTCOMES, ids=lambda value: str(value)[:40]
)
def test_each_answer_ends_as_it_must(stream, member, monkeypatch, said, state, word, tries, rests):
    monkeypatch.setattr("chat_support.stream._TIMEOUT", ClientTimeout(total=1))
    ticket = opened(member)
    call_due()
    stream.said["send_message"] = [said]
    message = say(ticket, "Hello?")
    began = timezone.now()
    call_due()
    call = StreamCall.objects.get(key=f"message:{message.message_id}")
    assert (call.state, call.tries) == (state, tries)
    assert call.error == word
    assert (call.answered_at is None) == (state == "pending")
    if rests:
        least, most = rests
        assert least <= (call.due_at - began).total_seconds() < most + 5
    assert timezone.now() - began < timedelta(seconds=10)  # nobody slept on it


@pytest.mark.parametrize(
    ("status", "code", "message", "deletes", "verdict"),
    [
        (404, 16, "", True, Verdict.DONE),
        (404, 16, "", False, Verdict.REFUSED),
        (400, 5, "already exists", False, Verdict.REFUSED),
        (400, None, "", False, Verdict.REFUSED),
        (399, None, "", False, Verdict.LATER),
        (418, 1, "", False, Verdict.REFUSED),
        (599, None, "", False, Verdict.LATER),
    ],
)
def test_odd_answers_are_read_with_care(status, code, message, deletes, verdict):
    assert answer_of(status, code, message, deletes=deletes).verdict is verdict


def test_waits_grow_to_an_hour_and_never_below_a_minute_after_the_minutes_limit():
    server_error, too_many = answer_of(500), answer_of(429, 9)
    seconds = [wait_after(tries, server_error).total_seconds() for tries in (1, 2, 9, 10, 19)]
    for wait, least in zip(seconds, (10, 20, 2560, 3600, 3600), strict=True):
        assert least <= wait <= least * 1.25
    assert wait_after(1, too_many) == timedelta(minutes=1)
    assert wait_after(8, too_many) > timedelta(minutes=20)


def test_after_the_last_try_it_is_given_up_and_the_next_goes(stream, member):
    ticket = opened(member)
    call_due()
    stream.said["send_message"] = [Said(500)]
    first = say(ticket, "First")
    second = say(ticket, "Second")
    for _ in range(LAST_TRY):
        assert StreamCall.objects.get(key=f"message:{second.message_id}").tries == 0
        wake()
        call_due()
    wake()
    call = StreamCall.objects.get(key=f"message:{first.message_id}")
    assert (call.state, call.tries) == ("failed", LAST_TRY)
    del stream.said["send_message"]
    call_due()
    assert [text for _, text in stream.texts(ticket.channel_id)] == ["Where is it?", "Second"]


def test_later_calls_of_a_subject_wait_and_other_subjects_do_not(stream, member):
    ticket, other = opened(member), opened()
    call_due()
    stream.said["send_message"] = [Said(503), Said(503), Said(503)]
    say(ticket, "First")
    call_due()
    say(ticket, "Second")
    del stream.said["send_message"]
    say(other, "Elsewhere")
    call_due()
    assert [text for _, text in stream.texts(ticket.channel_id)] == ["Where is it?"]
    assert [text for _, text in stream.texts(other.channel_id)] == ["Where is it?", "Elsewhere"]
    wake()
    call_due()
    assert [text for _, text in stream.texts(ticket.channel_id)] == ["Where is it?", "First", "Second"]


def test_wrong_credentials_stop_everything_and_are_nobodys_try(stream, settings, caplog):
    tickets = [opened() for _ in range(30)]
    call_due()
    for ticket in tickets:
        say(ticket, "Hello?")
    settings.STREAM_CHAT_SECRET = "another secret than the one that Stream has"
    stream.times.clear()
    call_due()
    assert 0 < len(stream.times) <= 10
    call_due()
    assert len(stream.times) <= 10
    assert (
        list(StreamCall.objects.exclude(state="done").values_list("state", "tries")) == [("pending", 0)] * 30
    )
    assert "Stream refuses us (401 43" in caplog.text
    settings.STREAM_CHAT_SECRET = "fake-secret-of-a-stream-app-for-tests"
    wake()
    call_due()
    assert len(stream.messages) == 60


def test_one_call_that_is_forbidden_holds_no_other_subject_up(stream, caplog):
    first, second = opened(), opened()
    call_due()
    stream.said["send_message"] = [Said(403, 17, "not allowed"), Said(200, works=True, body=b"{}")]
    say(first, "Forbidden")
    call_due()
    say(second, "Hello?")
    call_due()
    assert [text for _, text in stream.texts(second.channel_id)] == ["Where is it?", "Hello?"]
    assert "Stream refuses us (403 17" in caplog.text


# --- off, killed, side by side ------------------------------------------------------------------------------


def test_without_credentials_calls_wait_and_open_tickets_come_to_stream_when_it_is_turned_on(
    stream, settings, member
):
    settings.STREAM_CHAT_API_KEY = ""
    ticket = opened(member, at=timezone.now())
    say(ticket, "Hello?")
    assert call_due() == 0
    assert set(StreamCall.objects.values_list("state", "tries")) == {("pending", 0)}
    settings.STREAM_CHAT_API_KEY = "fake-key"
    call_due()
    assert [text for _, text in stream.texts(ticket.channel_id)] == ["Where is it?", "Hello?"]


def test_old_calls_are_forgotten_and_while_stream_is_off_what_waits_for_closed_tickets_too(
    stream, settings, member
):
    now = timezone.now()
    done, kept = opened(), opened()
    call_due()
    StreamCall.objects.filter(subject=f"channel:{done.channel_id}").update(answered_at=now - 31 * DAY)
    StreamCall.objects.exclude(subject=f"channel:{done.channel_id}").update(answered_at=now - 29 * DAY)
    closed, still_open = opened(member), opened(member)
    move_ticket(ticket_id=closed.pk, to="closed", actor=SYSTEM, at=now)
    StreamCall.objects.create(
        action="delete_user",
        subject="user:x",
        key="erase:x",
        arguments={"stream_user_id": "x", "channel_ids": []},
    )
    StreamCall.objects.filter(state="pending").update(created_at=now - 31 * DAY)
    assert forget_calls(at=now) == 2
    settings.STREAM_CHAT_API_KEY = ""
    assert forget_calls(at=now) == 2
    left = set(StreamCall.objects.values_list("subject", flat=True))
    assert {f"channel:{kept.channel_id}", f"channel:{still_open.channel_id}", "user:x"} <= left
    assert not left & {f"channel:{done.channel_id}", f"channel:{closed.channel_id}"}
    settings.STREAM_CHAT_API_KEY = "fake-key"
    move_ticket(ticket_id=closed.pk, to="open", actor=SYSTEM, at=now)
    say(closed, "I am back")
    call_due()
    assert [text for _, text in stream.texts(closed.channel_id)] == ["I am back"]


def test_an_erasure_that_was_given_up_is_not_forgotten(member):
    id_of(member)
    erase_member_chat(member.pk, at=timezone.now())
    now = timezone.now()
    StreamCall.objects.update(state="failed", answered_at=now - 31 * DAY)
    assert forget_calls(at=now) == 0
    assert try_again([StreamCall.objects.get().pk], actor=SYSTEM, at=now) == 1
    StreamCall.objects.update(state="done", answered_at=now - 31 * DAY)
    assert forget_calls(at=now) == 1


def test_an_answer_that_is_lost_says_everything_once(stream, member):
    for action in ("upsert_user", "open_channel", "send_message", "delete_user"):
        stream.said[action] = [Said(0, works=True), Said(201, works=True, body=b"{}")]
    ticket = opened(member)
    for _ in range(8):
        call_due()
        wake()
    assert set(states()) == {("open_channel", "done"), ("send_message", "done"), ("upsert_user", "done")}
    assert stream.texts(ticket.channel_id) == [("Thandi", "Where is it?")]
    assert [action for action, _ in stream.asked].count("send_message") == 2


KILLED = """
import os, django
from django.conf import settings
django.setup()
from django.db import connection
from django.test import Client
connection.settings_dict["NAME"] = os.environ["TEST_DATABASE"]
from chat_support.services.calling import call_due
call_due()
"""


def test_a_sender_that_is_killed_before_it_wrote_down_what_it_did_does_it_again_without_harm(
    member, settings
):
    stream = FakeStream(delay=1.0)
    try:
        settings.STREAM_CHAT_API_KEY, settings.STREAM_CHAT_SECRET = (
            "fake-key",
            stream.environment()["STREAM_CHAT_SECRET"],
        )
        settings.STREAM_CHAT_URL = stream.url
        ticket = opened(member)
        for action, there in (
            ("upsert_user", stream.users),
            ("open_channel", stream.channels),
            ("send_message", stream.messages),
        ):
            sender = subprocess.Popen(
                [sys.executable, "-c", KILLED],
                env={**os.environ, **stream.environment(), "TEST_DATABASE": connection.settings_dict["NAME"]},
                cwd=django_settings.BASE_DIR,
            )
            until = time.monotonic() + 60
            while not there and time.monotonic() < until:
                time.sleep(0.02)
            sender.send_signal(signal.SIGKILL)
            assert sender.wait(20) == -signal.SIGKILL
            assert StreamCall.objects.filter(state="pending", tries__gt=0).exists(), action
            assert call_due() == 0  # its lease holds
            wake()
        stream._delay = 0
        call_due()
        assert stream.texts(ticket.channel_id) == [("Thandi", "Where is it?")]
        assert [action for action, _ in stream.asked].count("send_message") == 2
        assert not StreamCall.objects.exclude(state="done").exists()
    finally:
        stream.stop()


def test_two_at_once_say_everything_once_and_in_order(stream):
    tickets = [opened() for _ in range(10)]
    for number in range(5):
        for ticket in tickets:
            say(ticket, f"{number}")
    for _ in range(3):
        together(*[call_due] * 4, timeout=60)
    assert len([1 for action, _ in stream.asked if action == "send_message"]) == 60
    for ticket in tickets:
        assert [text for _, text in stream.texts(ticket.channel_id)] == ["Where is it?", *"01234"]


def test_one_process_calls_at_a_time():
    with alone(1234) as ours:
        assert ours
        assert together(lambda: try_alone(1234)) == [False]
    assert together(lambda: try_alone(1234)) == [True]


def test_the_rate_is_kept(stream, settings, member):
    settings.STREAM_CALLS_A_MINUTE = 600
    for _ in range(8):
        opened(member)
    call_due()
    assert len(stream.times) == 18
    gaps = [after - before for before, after in zip(stream.times, stream.times[1:], strict=False)]
    assert stream.times[-1] - stream.times[0] >= 17 / 10
    assert max(sum(1 for at in stream.times if start <= at < start + 1) for start in stream.times) <= 10, gaps


def test_less_than_one_a_second_is_kept_too(settings):
    from core.rate import SharedRate

    rate = SharedRate("test-slow", per_second=1 / 90)
    try:
        rate._client.delete("rate:test-slow")
        assert rate.reserve(1) == 0
        assert 90 <= rate.reserve(1) <= 95
        assert rate._client.pttl("rate:test-slow") > 2 * 90_000
    finally:
        rate._client.delete("rate:test-slow")
        rate.close()


def test_answers_are_counted(stream, member):
    labels = {"call": "Say", "verdict": "done"}
    before = REGISTRY.get_sample_value("markethub_stream_answers_total", labels) or 0
    opened(member)
    call_due()
    assert REGISTRY.get_sample_value("markethub_stream_answers_total", labels) == before + 1


# --- the admin ----------------------------------------------------------------------------------------------

PAGE = "/admin/chat_support/streamcall/"


def test_an_operator_has_what_was_given_up_tried_again(stream, member, client):
    from django.contrib.auth.models import Group

    from accounts.roles import OPERATOR, SUPPORT_AGENT

    ticket = opened(member)
    stream.said["send_message"] = [Said(400, 4, "no")]
    call_due()
    failed = StreamCall.objects.get(state="failed")
    done = StreamCall.objects.get(action="open_channel")
    operator, agent = make_user("op", is_staff=True), make_user("nomsa", is_staff=True)
    operator.groups.add(Group.objects.get(name=OPERATOR))
    agent.groups.add(Group.objects.get(name=SUPPORT_AGENT))
    client.force_login(agent)
    assert client.get(PAGE).status_code == 403
    client.force_login(operator)
    listed = client.get(PAGE, {"state__exact": "failed", "action__exact": "send_message"}).content.decode()
    assert "400 4 no" in listed
    assert ticket.channel_id in client.get(f"{PAGE}{failed.pk}/change/").content.decode()
    asked = {"action": "try_again", "_selected_action": [failed.pk, done.pk]}
    answer = client.post(PAGE, asked, follow=True).content.decode()
    assert "1 of 2 were given up and will be tried again." in answer
    entry = AuditEntry.objects.get(action="streamcall.retry")
    assert (entry.actor, entry.target, entry.before["error"]) == (
        "staff:op",
        f"chat_support.streamcall:{failed.pk}",
        "400 4 no",
    )
    del stream.said["send_message"]
    call_due()
    assert stream.texts(ticket.channel_id) == [("Thandi", "Where is it?")]
    assert try_again([failed.pk], actor=SYSTEM, at=timezone.now()) == 0
