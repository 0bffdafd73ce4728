"""A member's words leave the chat for good, and can be had before."""

import json

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from chat_support.facade import erase_member_chat, export_member_chat
from chat_support.models import StreamCall, StreamWebhook, SupportTicket, TicketChange, TicketMessage
from chat_support.services import erasing
from chat_support.services.changing import rate_ticket
from chat_support.services.following import follow
from chat_support.services.locking import TicketNotFound
from chat_support.services.messages import remove_message
from chat_support.services.steps import TicketStepNotAllowed, move_ticket
from chat_support.services.webhooks import take_webhook
from chat_support.services.writing import TicketClosed, answer_ticket, write_message
from core.contracts import SYSTEM, Actor
from tests.accounts.factories import make_user
from tests.chat_support.desk import DAY, HOUR, MINUTE, MONDAY, fresh, make_agent, opened
from tests.chat_support.stream import message_event, seen
from tests.concurrency import together

pytestmark = pytest.mark.django_db

SECRET = "Thandi lives at 12 Oak Street"
LATER = MONDAY + DAY


@pytest.fixture
def member(db):
    return make_user("thandi", first_name="Thandi", stream_chat_user_id="mh-thandi")


@pytest.fixture
def agent(db):
    return make_agent("nomsa", on_duty=False, first_name="Nomsa", stream_chat_user_id="mh-nomsa")


def lived(member, agent):
    """A ticket with a whole life, and one that is still open."""
    ticket = opened(member, subject=SECRET, text=SECRET)
    seen(message_event(ticket.channel_id, "mh-nomsa", SECRET, at=MONDAY + HOUR), at=MONDAY + HOUR)
    actor = Actor.of(agent)
    answer_ticket(ticket_id=ticket.pk, text=SECRET, actor=actor, at=MONDAY + 2 * HOUR, resolve=True)
    rate = {"rating": 4, "comment": SECRET, "actor": Actor.of(member), "at": MONDAY + 3 * HOUR}
    rate_ticket(user_id=member.pk, ticket_id=ticket.pk, **rate)
    return ticket, opened(member, subject=SECRET, text=SECRET, at=MONDAY + 4 * HOUR, priority="high")


def everything():
    """All rows of the chat, as text."""
    models = (SupportTicket, TicketMessage, TicketChange, StreamCall, StreamWebhook)
    return json.dumps([list(model.objects.values()) for model in models], default=str)


def rows_of(user):
    tickets = SupportTicket.objects.filter(user=user)
    channels = [ticket.channel_id for ticket in tickets]
    return [
        list(tickets.values()),
        list(TicketMessage.objects.filter(ticket__in=tickets).values()),
        list(TicketChange.objects.filter(ticket_id__in=tickets.values("pk")).values()),
        list(StreamCall.objects.filter(subject__in=[f"channel:{one}" for one in channels]).values()),
        list(StreamWebhook.objects.filter(channel_id__in=channels).values()),
        list(User.objects.filter(pk=user.pk).values()),
    ]


# --- erasing ------------------------------------------------------------------------------------------------


def test_every_word_goes_and_the_desks_statistics_stay(member, agent):
    old, new = lived(member, agent)
    before = SupportTicket.objects.filter(pk=old.pk).values().get()
    assert SECRET in everything()
    assert erase_member_chat(member.pk, at=LATER) == 2
    assert SECRET not in everything()
    after = SupportTicket.objects.filter(pk=old.pk).values().get()
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"subject", "rating_comment", "unread_by_member", "erased_at", "updated_at"}
    assert (after["subject"], after["rating"], after["rating_comment"], after["erased_at"]) == (
        "(erased)", 4, "", LATER,
    )  # fmt: skip
    assert (after["status"], after["assigned_agent_id"], after["first_answered_at"]) == (
        "resolved", agent.pk, MONDAY + HOUR,
    )  # fmt: skip
    closed = fresh(new)
    assert (closed.status, closed.closed_at, closed.waiting_since, closed.subject) == (
        "closed", LATER, LATER, "(erased)",
    )  # fmt: skip
    assert closed.first_answer_breached_at == MONDAY + 5 * HOUR  # an hour of working time, missed before
    change = TicketChange.objects.filter(ticket_id=new.pk, what="status").latest("id")
    assert (change.before, change.after, change.actor) == ("open", "closed", "system")
    texts = TicketMessage.objects.values_list("text", "deleted_at")
    assert list(texts) == [("", LATER)] * 4
    assert list(StreamWebhook.objects.values_list("payload", "outcome", "stream_user_id")) == [
        ({}, "erased", "")
    ]


def test_stream_is_asked_once_to_erase_them_and_nothing_else_any_more(member, agent):
    channel_ids = [ticket.channel_id for ticket in lived(member, agent)]
    waiting = StreamCall.objects.create(
        action="upsert_user", subject="user:mh-thandi", key="told", arguments={"name": SECRET}
    )
    sent = StreamCall.objects.order_by("id").first()
    StreamCall.objects.filter(pk=sent.pk).update(state="done", arguments={"text": SECRET})
    erase_member_chat(member.pk, at=LATER)
    member.refresh_from_db()
    assert member.stream_chat_user_id is None
    call = StreamCall.objects.get(state="pending")
    assert (call.action, call.subject, call.key, call.arguments, call.due_at > LATER) == (
        "delete_user", "user:mh-thandi", "user:mh-thandi:delete",
        {"stream_user_id": "mh-thandi", "channel_ids": channel_ids}, True,
    )  # fmt: skip
    others = StreamCall.objects.exclude(pk=call.pk)
    assert {(one.state, json.dumps(one.arguments)) for one in others} == {("failed", "{}"), ("done", "{}")}
    waiting.refresh_from_db()
    assert (waiting.state, waiting.error) == ("failed", "erased")
    before = everything()
    assert erase_member_chat(member.pk, at=LATER + HOUR) == 0
    assert everything() == before


def test_anothers_rows_are_untouched(member, agent):
    lived(member, agent)
    other = make_user("sipho", stream_chat_user_id="mh-sipho")
    lived(other, agent)
    before = rows_of(other)
    assert all(before)
    erase_member_chat(member.pk, at=LATER)
    assert rows_of(other) == before


def test_one_without_a_chat_has_nothing_to_erase():
    user = make_user()
    assert erase_member_chat(user.pk, at=LATER) == 0
    assert not StreamCall.objects.exists()


def test_what_they_did_in_others_channels_goes_too(member, agent):
    other = opened()
    event = message_event(other.channel_id, "mh-thandi", SECRET, at=MONDAY)
    take_webhook(webhook_id="theirs", event_type="message.new", payload=event, at=MONDAY)
    erase_member_chat(member.pk, at=LATER)
    webhook = StreamWebhook.objects.get()
    assert (webhook.payload, webhook.stream_user_id, webhook.outcome) == ({}, "", "erased")
    assert follow([webhook.pk], at=LATER) == 0


def test_no_webhook_brings_anything_back(member, agent):
    old, new = lived(member, agent)
    waiting = message_event(new.channel_id, "mh-thandi", SECRET, at=MONDAY + 5 * HOUR)
    take_webhook(webhook_id="waiting", event_type="message.new", payload=waiting, at=MONDAY + 5 * HOUR)
    erase_member_chat(member.pk, at=LATER)
    kept = StreamWebhook.objects.get(webhook_id="waiting")
    assert follow([kept.pk], at=LATER) == 0
    first = old.messages.order_by("id").first()
    about = {"said_at": MONDAY, "message_id": first.message_id}
    late = [
        message_event(old.channel_id, "mh-thandi", SECRET, at=MONDAY + 6 * HOUR),
        message_event(old.channel_id, "mh-nomsa", SECRET, at=MONDAY + 6 * HOUR),
        message_event(old.channel_id, "mh-thandi", SECRET, at=LATER, kind="message.updated", **about),
        message_event(old.channel_id, "mh-thandi", SECRET, at=LATER, kind="message.deleted", **about),
    ]
    assert seen(*late, at=LATER) == ["erased"] * 4
    assert SECRET not in everything()


def test_an_erased_ticket_takes_no_more(member, agent):
    old, _ = lived(member, agent)
    erase_member_chat(member.pk, at=LATER)
    for to in ("open", "closed"):
        with pytest.raises(TicketStepNotAllowed):
            move_ticket(ticket_id=old.pk, to=to, actor=SYSTEM, at=LATER)
    with pytest.raises(TicketClosed):
        write_message(user_id=member.pk, ticket_id=old.pk, text="x", actor=Actor.of(member), at=LATER)
    with pytest.raises(TicketClosed):
        answer_ticket(ticket_id=old.pk, text="x", actor=Actor.of(agent), at=LATER)
    rate = {"rating": 1, "comment": SECRET, "actor": Actor.of(member), "at": LATER}
    with pytest.raises(TicketNotFound):
        rate_ticket(user_id=member.pk, ticket_id=old.pk, **rate)
    assert SECRET not in everything()


def test_erasing_costs_the_same_for_one_ticket_and_fifty(agent):
    counts = []
    for number, tickets in enumerate((1, 50)):
        user = make_user(stream_chat_user_id=f"mh-{number}")
        for _ in range(tickets):
            ticket = opened(user)
            seen(message_event(ticket.channel_id, f"mh-{number}", at=MONDAY), at=MONDAY)
        with CaptureQueriesContext(connection) as queries:
            assert erase_member_chat(user.pk, at=MONDAY + MINUTE) == tickets
        counts.append(len(queries))
    assert counts[0] == counts[1], counts


def test_many_tickets_go_a_chunk_at_a_time(member, monkeypatch):
    monkeypatch.setattr(erasing, "_CHUNK", 2)
    for _ in range(5):
        opened(member)
    assert erase_member_chat(member.pk, at=LATER) == 5
    assert not SupportTicket.objects.filter(erased_at=None).exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("again", range(5))
def test_what_is_written_while_they_are_erased_is_erased_or_refused(again):
    user = make_user(stream_chat_user_id="mh-thandi")
    make_agent(on_duty=False, stream_chat_user_id="mh-nomsa")
    tickets = [opened(user, text=SECRET) for _ in range(3)]
    ids = []
    for number in range(12):
        author, channel = ("mh-thandi", "mh-nomsa")[number % 2], tickets[number % 3].channel_id
        event = message_event(channel, author, SECRET, at=MONDAY, message_id=f"m-{number}")
        take_webhook(webhook_id=f"w-{number}", event_type="message.new", payload=event, at=MONDAY)
        ids.append(StreamWebhook.objects.latest("id").pk)

    def write(ticket):
        actor = Actor.of(user)
        write_message(user_id=user.pk, ticket_id=ticket.pk, text=SECRET, actor=actor, at=MONDAY + HOUR)

    jobs = [lambda one=one: follow([one], at=LATER) for one in ids]
    jobs += [lambda ticket=ticket: write(ticket) for ticket in tickets]
    results = together(*jobs[:8], lambda: erase_member_chat(user.pk, at=LATER), *jobs[8:])
    refused = [result for result in results if isinstance(result, Exception)]
    assert all(isinstance(result, TicketClosed) for result in refused), refused
    assert SECRET not in everything()
    assert StreamCall.objects.get(state="pending").action == "delete_user"


@pytest.mark.django_db(transaction=True)
def test_a_ticket_that_is_being_opened_is_waited_for_and_erased():
    user = make_user()
    opening = []

    def slowly():
        with transaction.atomic():
            opening.append(opened(user, text=SECRET))
            connection.cursor().execute("SELECT pg_sleep(0.5)")

    def erase():
        while not opening:
            pass
        return erase_member_chat(user.pk, at=LATER)

    assert together(slowly, erase) == [None, 1]
    assert SECRET not in everything()


# --- exporting ----------------------------------------------------------------------------------------------


def test_everything_that_is_kept_can_be_had(member, agent):
    ticket, open_one = lived(member, agent)
    gone = ticket.messages.order_by("id")[1]
    remove_message(channel_id=ticket.channel_id, message_id=gone.message_id, at=MONDAY + 2 * HOUR)
    lived(make_user("sipho"), agent)
    found = export_member_chat(member.pk)
    assert json.loads(json.dumps(found)) == found
    assert found["stream_user_id"] == "mh-thandi"
    first, second = found["tickets"]
    names = [message.message_id for message in ticket.messages.all()]
    assert first == {
        "id": ticket.pk,
        "channel_id": ticket.channel_id,
        "subject": SECRET,
        "status": "resolved",
        "priority": "medium",
        "opened_at": "2026-03-02T07:00:00+00:00",
        "resolved_at": "2026-03-02T09:00:00+00:00",
        "closed_at": None,
        "rating": 4,
        "rating_comment": SECRET,
        "rated_at": "2026-03-02T10:00:00+00:00",
        "messages": [
            {
                "message_id": name, "author": author, "name": who, "text": text,
                "said_at": f"2026-03-02T0{hour}:00:00+00:00", "edited_at": None, "deleted_at": deleted_at,
            }
            for name, author, who, text, hour, deleted_at in (
                (names[0], "member", "Thandi", SECRET, 7, None),
                (names[1], "agent", "Nomsa", "", 8, "2026-03-02T09:00:00+00:00"),
                (names[2], "agent", "Nomsa", SECRET, 9, None),
            )
        ],
        "changes": [
            {"what": what, "before": before, "after": after, "at": f"2026-03-02T{hour}:00:00+00:00"}
            for what, before, after, hour in (
                ("status", "", "open", "07"),
                ("status", "open", "in_progress", "08"),
                ("status", "in_progress", "resolved", "09"),
                ("rating", "", "4", "10"),
            )
        ],
    }  # fmt: skip
    assert (second["id"], second["status"], len(second["messages"])) == (open_one.pk, "open", 1)


def test_exporting_costs_the_same_for_one_ticket_and_fifty(member):
    counts = []
    for more in (1, 49):
        for _ in range(more):
            opened(member)
        with CaptureQueriesContext(connection) as queries:
            export_member_chat(member.pk)
        counts.append(len(queries))
    assert counts == [4, 4]
