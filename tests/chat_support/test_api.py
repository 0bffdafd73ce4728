"""A member's tickets, as the app sees them."""

import json
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from chat_support.models import StreamCall, SupportTicket, TicketChange, TicketMessage
from chat_support.services.messages import remove_message
from chat_support.services.steps import move_ticket
from chat_support.services.writing import answer_ticket
from core.contracts import SYSTEM, Actor
from core.models import IdempotentResponse, OutboxMessage
from tests.accounts.factories import client_of, make_user
from tests.chat_support.desk import DAY, HOUR, MINUTE, MONDAY, fresh, make_agent, opened

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("on_monday")]

TICKETS = "/support/tickets/"
BODY = {"subject": "My parcel", "text": "Where is it?", "priority": "high"}


def path(ticket, call=""):
    return f"{TICKETS}{ticket.pk}/{call}"


def answer(ticket, text="Tomorrow.", agent=None, at=MONDAY):
    actor = Actor.of(agent or make_agent(on_duty=False, first_name="Nomsa"))
    return answer_ticket(ticket_id=ticket.pk, text=text, actor=actor, at=at)


def resolve(ticket, at=MONDAY):
    return move_ticket(ticket_id=ticket.pk, to="resolved", actor=SYSTEM, at=at)


# --- opening ------------------------------------------------------------------------------------------------


def test_a_ticket_is_opened_with_its_first_message_its_targets_and_its_channel(app, member):
    answer = app.post(TICKETS, BODY)
    ticket = SupportTicket.objects.get()
    assert (answer.status_code, answer.json()) == (
        201,
        {
            "id": ticket.pk,
            "subject": "My parcel",
            "status": "open",
            "priority": "high",
            "channel_id": ticket.channel_id,
            "agent": None,
            "unread": 0,
            "waits_for_member": False,
            "opened_at": "2026-03-02T09:00:00+02:00",
            "last_message_at": "2026-03-02T09:00:00+02:00",
            "resolved_at": None,
            "closed_at": None,
            "rating": None,
            "rating_comment": "",
        },
    )
    message = TicketMessage.objects.get()
    assert (message.author, message.user, message.text) == ("member", member, "Where is it?")
    assert ticket.first_answer_due_at == MONDAY + HOUR
    assert ticket.solution_due_at == MONDAY + 8 * HOUR
    assert (ticket.unread_by_agents, ticket.last_message_by_member) == (1, True)
    calls = StreamCall.objects.order_by("id").values_list("action", "subject", "key", "arguments")
    channel = ticket.channel_id
    assert list(calls) == [
        (
            "open_channel",
            f"channel:{channel}",
            f"channel:{channel}:open",
            {"channel_id": channel, "ticket_id": ticket.pk, "user_id": member.pk},
        ),
        (
            "send_message",
            f"channel:{channel}",
            f"message:{message.message_id}",
            {"channel_id": channel, "message_id": message.message_id, "user_id": member.pk},
        ),
    ]
    change = TicketChange.objects.get()
    assert (change.actor, change.what, change.before, change.after) == (
        f"member:{member.pk}",
        "status",
        "",
        "open",
    )


def test_a_priority_that_is_not_named_is_medium_and_its_target_passes_over_the_night(app):
    assert app.post(TICKETS, {"subject": "A", "text": "B"}).json()["priority"] == "medium"
    ticket = SupportTicket.objects.get()
    assert ticket.first_answer_due_at == MONDAY + 4 * HOUR
    assert ticket.solution_due_at == MONDAY + 2 * DAY + 6 * HOUR


def test_the_same_key_opens_one_ticket_and_still_does_when_the_answer_is_forgotten(app):
    first = app.post(TICKETS, BODY, headers={"Idempotency-Key": "tap"}).json()
    again = app.post(TICKETS, BODY, headers={"Idempotency-Key": "tap"})
    assert (again.json(), again["Idempotent-Replayed"]) == (first, "true")
    IdempotentResponse.objects.all().delete()
    assert app.post(TICKETS, BODY, headers={"Idempotency-Key": "tap"}).json() == first
    assert (SupportTicket.objects.count(), TicketMessage.objects.count()) == (1, 1)


def test_two_members_keys_are_their_own(app):
    app.post(TICKETS, BODY, headers={"Idempotency-Key": "tap"})
    assert client_of(make_user()).post(TICKETS, BODY, headers={"Idempotency-Key": "tap"}).status_code == 201
    assert SupportTicket.objects.count() == 2


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"subject": ""}, "subject"),
        ({"subject": "  "}, "subject"),
        ({"subject": "x" * 201}, "subject"),
        ({"subject": 5}, "subject"),
        ({"text": None}, "text"),
        ({"text": "x" * 5001}, "text"),
        ({"text": "nul\0"}, "text"),
        ({"text": "half \ud83d"}, "text"),
        ({"priority": "asap"}, "priority"),
    ],
)
def test_bad_input_is_named_and_nothing_is_written(app, change, field):
    answer = app.post(TICKETS, json.dumps({**BODY, **change}), content_type="application/json")
    assert (answer.status_code, list(answer.json()["errors"])) == (400, [field])
    assert not SupportTicket.objects.exists()
    assert not StreamCall.objects.exists()
    assert not OutboxMessage.objects.exists()


# --- reading ------------------------------------------------------------------------------------------------


def test_the_list_is_paged_newest_first_and_filtered_by_status(app, member):
    tickets = [opened(member, at=MONDAY + number * MINUTE) for number in range(5)]
    resolve(tickets[0])
    opened()
    first = app.get(TICKETS, {"limit": 2}).json()
    assert [row["id"] for row in first["results"]] == [tickets[4].pk, tickets[3].pk]
    second = app.get(first["next"]).json()
    assert [row["id"] for row in second["results"]] == [tickets[2].pk, tickets[1].pk]
    assert [row["id"] for row in app.get(TICKETS, {"status": "resolved"}).json()["results"]] == [
        tickets[0].pk
    ]
    assert app.get(TICKETS, {"status": "lost"}).json()["errors"].keys() == {"status"}


def test_one_ticket_has_its_messages_newest_first_a_page_at_a_time(app, member):
    ticket = opened(member)
    answer(ticket, at=MONDAY + MINUTE)
    for number in range(3):
        answer(ticket, f"And {number}", at=MONDAY + (number + 2) * MINUTE)
    found = app.get(path(ticket), {"limit": 2}).json()
    assert (found["id"], found["status"], found["unread"]) == (ticket.pk, "in_progress", 4)
    assert (found["agent"], found["waits_for_member"]) == ("Nomsa", True)
    assert [message["text"] for message in found["messages"]["results"]] == ["And 2", "And 1"]
    second = app.get(found["messages"]["next"]).json()["messages"]
    assert [message["text"] for message in second["results"]] == ["And 0", "Tomorrow."]
    last = app.get(second["next"]).json()["messages"]
    assert last["next"] is None
    assert last["results"] == [
        {
            "message_id": ticket.messages.earliest("id").message_id,
            "author": "member",
            "name": "Thandi",
            "text": "Where is it?",
            "said_at": "2026-03-02T09:00:00+02:00",
            "edited_at": None,
            "deleted_at": None,
        }
    ]


def test_lists_cost_the_same_for_one_row_and_fifty(app, member):
    counts = []
    agent = make_agent(on_duty=False)
    ticket = opened(member)
    answer(ticket, agent=agent)
    for more in (0, 49):
        for _ in range(more):
            answer(opened(member), agent=agent)
            answer(ticket, agent=make_agent(on_duty=False))
        costs = []
        for call in (TICKETS, path(ticket), path(ticket, "transcript/")):
            with CaptureQueriesContext(connection) as queries:
                assert app.get(call).status_code == 200
            costs.append(len(queries))
        counts.append(costs)
    assert counts[0] == counts[1] == [2, 3, 3]


# --- writing ------------------------------------------------------------------------------------------------


def test_a_message_is_written_here_and_asked_of_stream(app, member):
    ticket = opened(member)
    answer = app.post(path(ticket, "messages/"), {"text": "Hello?"})
    message = ticket.messages.latest("id")
    assert (answer.status_code, answer.json()["text"], answer.json()["message_id"]) == (
        201,
        "Hello?",
        message.message_id,
    )
    call = StreamCall.objects.latest("id")
    assert (call.key, call.arguments["message_id"]) == (f"message:{message.message_id}", message.message_id)
    assert fresh(ticket).unread_by_agents == 2


def test_the_same_key_writes_one_message_and_still_does_when_the_answer_is_forgotten(app, member):
    ticket = opened(member)
    for forgetting in (False, True, True):
        if forgetting:
            IdempotentResponse.objects.all().delete()
        answer = app.post(path(ticket, "messages/"), {"text": "Hello?"}, headers={"Idempotency-Key": "tap"})
        assert answer.status_code == 201
    assert ticket.messages.count() == 2
    assert fresh(ticket).unread_by_agents == 2


def test_a_message_opens_a_resolved_ticket_again(app, member, published):
    ticket = opened(member)
    resolve(ticket)
    assert app.post(path(ticket, "messages/"), {"text": "It broke again."}).status_code == 201
    ticket = fresh(ticket)
    assert (ticket.status, ticket.resolved_at, ticket.waiting_since) == ("open", None, None)
    assert published("ticket.reopened") == [{"ticket_id": ticket.pk, "user_id": member.pk}]


def test_a_closed_ticket_takes_no_more_messages(app, member):
    ticket = opened(member)
    app.post(path(ticket, "close/"))
    answer = app.post(path(ticket, "messages/"), {"text": "Hello?"})
    assert (answer.status_code, answer.json()["code"]) == (409, "ticket_closed")
    assert (ticket.messages.count(), fresh(ticket).status) == (1, "closed")


# --- steps --------------------------------------------------------------------------------------------------


def test_a_ticket_is_closed_and_reopened_and_its_history_says_so(app, member):
    ticket = opened(member)
    for call, status in (
        ("close/", "closed"),
        ("close/", "closed"),
        ("reopen/", "open"),
        ("reopen/", "open"),
    ):
        answer = app.post(path(ticket, call))
        assert (answer.status_code, answer.json()["status"]) == (200, status)
    assert list(TicketChange.objects.values_list("actor", "before", "after")) == [
        (f"member:{member.pk}", "", "open"),
        (f"member:{member.pk}", "open", "closed"),
        (f"member:{member.pk}", "closed", "open"),
    ]


def test_to_reopen_leaves_a_ticket_in_progress_alone(app, member):
    ticket = opened(member)
    answer(ticket)
    assert app.post(path(ticket, "reopen/")).json()["status"] == "in_progress"


def test_reading_takes_the_count_of_unread_away(app, member):
    ticket = opened(member)
    answer(ticket)
    assert app.get(path(ticket)).json()["unread"] == 1
    assert app.post(path(ticket, "read/")).json()["unread"] == 0
    assert fresh(ticket).unread_by_member == 0


# --- rating -------------------------------------------------------------------------------------------------


def test_a_resolved_ticket_is_rated_and_the_latest_rating_counts(app, member):
    ticket = opened(member)
    resolve(ticket)
    assert app.post(path(ticket, "rate/"), {"rating": 2}).json()["rating"] == 2
    again = app.post(path(ticket, "rate/"), {"rating": 5, "comment": "All is well"}).json()
    assert (again["rating"], again["rating_comment"]) == (5, "All is well")
    assert app.post(path(ticket, "rate/"), {"rating": 5, "comment": "All is well"}).status_code == 200
    ratings = TicketChange.objects.filter(what="rating").values_list("before", "after")
    assert list(ratings) == [("", "2"), ("2", "5")]
    assert fresh(ticket).rated_at == MONDAY


def test_an_open_ticket_is_not_rated(app, member):
    ticket = opened(member)
    answer = app.post(path(ticket, "rate/"), {"rating": 5})
    assert (answer.status_code, answer.json()["code"]) == (409, "ticket_not_solved")
    assert fresh(ticket).rating is None


@pytest.mark.parametrize("body", [{}, {"rating": 0}, {"rating": 6}, {"rating": "many"}, {"rating": None}])
def test_a_rating_is_one_to_five(app, member, body):
    ticket = opened(member)
    resolve(ticket)
    assert app.post(path(ticket, "rate/"), body).json()["errors"].keys() == {"rating"}


# --- transcript ---------------------------------------------------------------------------------------------


def conversation(member):
    ticket = opened(member)
    agent = make_agent(on_duty=False, first_name="Nomsa", email="nomsa@example.com")
    answer(ticket, "It left today.\nThe courier has it.", agent=agent, at=MONDAY + HOUR)
    wrong = answer(ticket, "Order 4471", agent=agent, at=MONDAY + 2 * HOUR)
    remove_message(channel_id=ticket.channel_id, message_id=wrong.message_id, at=MONDAY + 3 * HOUR)
    return ticket


def test_the_transcript_is_all_that_was_said_oldest_first(app, member):
    found = app.get(path(conversation(member), "transcript/")).json()
    assert (found["subject"], found["status"]) == ("My parcel", "in_progress")
    assert [(line["author"], line["name"], line["text"]) for line in found["messages"]] == [
        ("member", "Thandi", "Where is it?"),
        ("agent", "Nomsa", "It left today.\nThe courier has it."),
        ("agent", "Nomsa", ""),
    ]


@pytest.mark.parametrize("accept", ["*/*", "text/plain", "application/json"])
def test_the_transcript_as_text(app, member, accept):
    ticket = conversation(member)
    answer = app.get(path(ticket, "transcript.txt/"), headers={"Accept": accept})
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.content.decode() == (
        f"Ticket {ticket.pk}: My parcel\n"
        "Opened 2026-03-02 09:00, in progress\n\n"
        "2026-03-02 09:00  Thandi\nWhere is it?\n\n"
        "2026-03-02 10:00  Nomsa\nIt left today.\nThe courier has it.\n\n"
        "2026-03-02 11:00  Nomsa\n(deleted)\n"
    )


def test_a_transcript_that_is_not_there_is_a_problem_whatever_is_accepted(app):
    answer = app.get(f"{TICKETS}1/transcript.txt/", headers={"Accept": "text/plain"})
    assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")
    assert answer.json()["code"] == "not_found"


def test_nothing_that_a_member_is_shown_has_an_agents_address(app, member):
    ticket = conversation(member)
    for call in (TICKETS, path(ticket), path(ticket, "transcript/"), path(ticket, "transcript.txt/")):
        assert b"example.com" not in app.get(call).content


def test_another_members_ticket_stays_as_it_is(member):
    ticket = opened(member)
    before = fresh(ticket).__dict__ | {"_state": None}
    stranger = client_of(make_user())
    for call, body in (
        ("messages/", {"text": "Mine now"}),
        ("close/", {}),
        ("reopen/", {}),
        ("read/", {}),
        ("rate/", {"rating": 1}),
    ):
        assert (
            stranger.post(path(ticket, call), body, headers={"Idempotency-Key": uuid4().hex}).status_code
            == 404
        )
    assert fresh(ticket).__dict__ | {"_state": None} == before
    assert (ticket.messages.count(), TicketChange.objects.count()) == (1, 1)
