"""The support desk in the admin: the queue, a ticket's page, duty, and the desk's terms."""

import re
from datetime import time

import pytest
from django.contrib.auth.models import Group, Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.roles import SUPPORT_AGENT
from chat_support.models import Agent, CannedAnswer, Holiday, SupportTarget, TicketChange, WorkingHours
from chat_support.services.assigning import assign_ticket
from chat_support.services.changing import rate_ticket
from chat_support.services.looking_after import mark_breaches
from chat_support.services.steps import move_ticket
from chat_support.services.writing import answer_ticket
from core.contracts import SYSTEM, Actor
from core.models import AuditEntry
from tests.accounts.factories import make_user
from tests.chat_support.desk import HOUR, MINUTE, MONDAY, fresh, make_agent, opened
from tests.orders.factories import line, make_order
from tests.rewards.admin.conftest import with_points
from tests.rewards.admin.pages import listed, said, text

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("on_monday")]

QUEUE = "/admin/chat_support/supportticket/"
ANSWER = {"text": "Tomorrow.", "canned": "", "key": "5a0a4f6e-0000-4000-8000-000000000001"}


def page(ticket, call="change/"):
    return f"{QUEUE}{ticket.pk}/{call}"


@pytest.fixture
def agent(db):
    """Staff with the role, and no more than that."""
    user = make_user("nomsa", is_staff=True, first_name="Nomsa")
    user.groups.add(Group.objects.get(name=SUPPORT_AGENT))
    return user


@pytest.fixture
def desk(agent):
    browser = Client()
    browser.force_login(agent)
    return browser


@pytest.fixture
def reader():
    """The browser of somebody who may look at tickets and no more."""
    user = make_user("reader", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename="view_supportticket"))
    browser = Client()
    browser.force_login(user)
    return browser


@pytest.fixture
def boss():
    browser = Client()
    browser.force_login(make_user("boss", is_staff=True, is_superuser=True))
    return browser


# --- the queue ----------------------------------------------------------------------------------------------


def test_the_queue_begins_with_what_was_missed_then_by_priority_then_by_what_is_due(desk, agent):
    waiting = opened(priority="urgent")
    answer_ticket(ticket_id=waiting.pk, text="So", actor=Actor.of(agent), at=MONDAY)
    medium = opened(priority="medium")
    later, sooner = (opened(priority="high", at=MONDAY + minutes * MINUTE) for minutes in (20, 10))
    missed = opened(priority="low")
    SupportTarget.objects.filter(priority="low").update(first_answer_minutes=480)
    type(missed).objects.filter(pk=missed.pk).update(first_answer_due_at=MONDAY)
    mark_breaches(at=MONDAY + MINUTE)
    move_ticket(ticket_id=opened().pk, to="resolved", actor=SYSTEM, at=MONDAY)
    assert listed(desk.get(QUEUE)) == [missed, sooner, later, medium, waiting]
    assert "missed: first answer" in text(desk.get(QUEUE))


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", {"mine", "nobodys", "others", "missed"}),
        ("?whose=mine", {"mine"}),
        ("?whose=nobody", {"nobodys", "missed"}),
        ("?whose=others", {"others"}),
        ("?targets=missed", {"missed"}),
        ("?targets=kept", {"mine", "nobodys", "others"}),
        ("?status=resolved", {"resolved"}),
        ("?status=all", {"mine", "nobodys", "others", "missed", "resolved"}),
        ("?turn=member", {"mine"}),
        ("?turn=ours", {"nobodys", "others", "missed"}),
        ("?priority__exact=urgent", {"missed"}),
        ("?q=thandi", {"nobodys"}),
        ("?q=nobodys", {"nobodys"}),
    ],
)
def test_the_queue_is_narrowed_down(desk, agent, query, found):
    other = make_agent("other", on_duty=False)
    tickets = {
        name: opened(make_user(user), subject=name)
        for name, user in (("mine", ""), ("others", ""), ("resolved", ""), ("nobodys", "thandi"))
    }
    tickets["missed"] = opened(subject="missed", priority="urgent")
    answer_ticket(ticket_id=tickets["mine"].pk, text="So", actor=Actor.of(agent), at=MONDAY)
    assign_ticket(ticket_id=tickets["others"].pk, agent_id=other.pk, actor=SYSTEM, at=MONDAY)
    move_ticket(ticket_id=tickets["resolved"].pk, to="resolved", actor=SYSTEM, at=MONDAY)
    mark_breaches(at=MONDAY + 16 * MINUTE)
    assert {ticket.subject for ticket in listed(desk.get(QUEUE + query))} == found


def test_the_queue_and_a_page_cost_the_same_for_one_and_fifty(desk, agent):
    user = make_user()
    ticket = opened(user)
    answer_ticket(ticket_id=ticket.pk, text="So", actor=Actor.of(agent), at=MONDAY)
    counts = []
    for more in (0, 49):
        for number in range(more):
            other = make_agent(on_duty=False)
            for each in (opened(), ticket):
                answer_ticket(ticket_id=each.pk, text="So", actor=Actor.of(other), at=MONDAY)
            if number < 4:
                make_order(line(), user=user)
        costs = []
        for address in (QUEUE, page(ticket), "/admin/chat_support/agent/"):
            with CaptureQueriesContext(connection) as queries:
                assert desk.get(address).status_code == 200
            costs.append(len(queries))
        counts.append(costs)
    assert counts[0] == counts[1]


# --- duty ---------------------------------------------------------------------------------------------------


def test_an_agent_goes_on_duty_and_off(desk, agent):
    assert "You are off duty." in text(desk.get(QUEUE))
    assert said(desk.post(f"{QUEUE}duty/", {"on_duty": "1"}, follow=True)) == [
        "You are on duty: tickets are given to you."
    ]
    assert Agent.objects.get().on_duty
    assert "You are on duty." in text(desk.get(QUEUE))
    desk.post(f"{QUEUE}duty/", {"on_duty": "0"})
    assert not Agent.objects.get().on_duty
    assert AuditEntry.objects.filter(action="agent.duty", actor="staff:nomsa").count() == 2


def test_who_may_change_agents_puts_others_on_duty_and_an_agent_does_not(boss, desk):
    other = make_agent("other", on_duty=False)
    action = {"action": "put_on_duty", "_selected_action": [other.pk]}
    desk.post("/admin/chat_support/agent/", action)
    assert not Agent.objects.get(pk=other.pk).on_duty
    assert said(boss.post("/admin/chat_support/agent/", action, follow=True)) == ["1 are on duty now."]
    assert Agent.objects.get(pk=other.pk).on_duty


# --- a ticket's page ----------------------------------------------------------------------------------------


def test_the_page_shows_the_conversation_the_targets_and_who_asks(desk, agent):
    member = with_points(500, username="thandi")
    order = make_order(line(), user=member)
    ticket = opened(member, text="Where <b>is</b> it?", priority="high")
    shown = desk.get(page(ticket))
    words = text(shown)
    assert "Where <b>is</b> it?" in words
    assert b"Where &lt;b&gt;is&lt;/b&gt; it?" in shown.content
    assert "First answer due 2 Mar 2026, 10:00" in words
    assert "Solution due 2 Mar 2026, 17:00" in words
    assert "Tier Bronze To spend 500 Held 0" in words
    assert order.number in words
    assert f"status open member:{member.pk}" in words


def test_points_and_orders_are_shown_to_who_may_see_them_alone(reader):
    member = with_points(500)
    order = make_order(line(), user=member)
    words = text(reader.get(page(opened(member))))
    assert "To spend" not in words
    assert order.number not in words


def test_an_answer_is_written_once_however_often_the_button_is_pressed(desk, agent):
    ticket = opened()
    for _ in range(2):
        done = desk.post(page(ticket, "answer/"), ANSWER, follow=True)
        assert said(done) == ["The answer is written."]
    found = fresh(ticket)
    assert (ticket.messages.count(), found.status, found.assigned_agent) == (2, "in_progress", agent)
    assert "Tomorrow." in text(done)


def test_an_answer_with_a_canned_one_before_it_resolves_where_wanted(desk):
    ticket = opened()
    canned = CannedAnswer.objects.create(name="Hello", text="Hello!")
    hidden = CannedAnswer.objects.create(name="Old", text="Old", is_active=False)
    assert hidden.name not in text(desk.get(page(ticket)))
    desk.post(page(ticket, "answer/"), {**ANSWER, "canned": canned.pk, "resolve": "1"})
    assert ticket.messages.latest("id").text == "Hello!\n\nTomorrow."
    assert fresh(ticket).status == "resolved"


def test_an_empty_answer_is_asked_for_again(desk):
    ticket = opened()
    assert "Write an answer." in text(desk.post(page(ticket, "answer/"), {**ANSWER, "text": " "}))
    assert ticket.messages.count() == 1


def test_a_closed_ticket_is_not_answered_and_says_so(desk):
    ticket = opened()
    move_ticket(ticket_id=ticket.pk, to="closed", actor=SYSTEM, at=MONDAY)
    done = desk.post(page(ticket, "answer/"), ANSWER, follow=True)
    assert said(done) == [f"Ticket {ticket.pk} is closed. Open it again, or open a new one."]
    assert 'name="text"' not in done.content.decode()


def test_a_ticket_is_assigned_given_another_priority_moved_and_read(desk, agent):
    ticket, other = opened(), make_agent("other", on_duty=False)
    for call, body, told in (
        ("assign/", {"agent": other.pk}, "The ticket is given to them."),
        ("priority/", {"priority": "urgent"}, "The priority is urgent."),
        ("read/", {}, "Everything is marked as read."),
        ("move/resolved/", {}, "The ticket is resolved."),
        ("move/open/", {}, "The ticket is open."),
        ("move/closed/", {}, "The ticket is closed."),
    ):
        assert said(desk.post(page(ticket, call), body, follow=True)) == [told]
    found = fresh(ticket)
    assert (found.assigned_agent, found.priority, found.unread_by_agents) == (other, "urgent", 0)
    changes = TicketChange.objects.filter(ticket_id=ticket.pk, actor="staff:nomsa").order_by("id")
    assert [(change.what, change.after) for change in changes] == [
        ("agent", "other"),
        ("priority", "urgent"),
        ("status", "resolved"),
        ("status", "open"),
        ("status", "closed"),
    ]


@pytest.mark.parametrize(
    ("status", "buttons"),
    [
        ("open", {"Resolve", "Close"}),
        ("resolved", {"Close", "Reopen"}),
        ("closed", {"Reopen"}),
    ],
)
def test_the_buttons_are_those_of_the_table(desk, status, buttons):
    ticket = opened()
    move_ticket(ticket_id=ticket.pk, to=status, actor=SYSTEM, at=MONDAY)
    shown = desk.get(page(ticket)).content.decode()
    assert set(re.findall(r'/move/\w+/".*?<input type="submit" value="(\w+)"', shown, re.DOTALL)) == buttons


@pytest.mark.parametrize(
    ("call", "body"),
    [
        ("assign/", {"agent": "0"}),
        ("assign/", {"agent": "x"}),
        ("priority/", {"priority": "asap"}),
        ("priority/", {}),
    ],
)
def test_what_is_not_on_offer_is_refused(desk, call, body):
    ticket = opened()
    before = TicketChange.objects.count()
    assert said(desk.post(page(ticket, call), body, follow=True))[0].startswith("Choose a")
    assert TicketChange.objects.count() == before


def test_who_may_only_look_changes_nothing(reader):
    ticket = opened()
    shown = reader.get(page(ticket))
    assert shown.status_code == 200
    assert "<form" not in shown.content.decode().split('class="ticket-page"')[1]
    for call in ("answer/", "assign/", "priority/", "read/", "move/closed/"):
        assert reader.post(page(ticket, call), ANSWER).status_code == 403
    assert reader.post(f"{QUEUE}duty/", {"on_duty": "1"}).status_code == 403
    assert (fresh(ticket).status, ticket.messages.count(), Agent.objects.count()) == ("open", 1, 0)


def test_a_link_changes_nothing(desk):
    ticket = opened()
    for call in ("answer/", "assign/", "priority/", "read/", "move/closed/", "move/nowhere/"):
        assert desk.get(page(ticket, call)).status_code == 404
    assert desk.get(f"{QUEUE}duty/").status_code == 404
    assert desk.post(page(ticket, "move/nowhere/")).status_code == 404
    assert desk.post(f"{QUEUE}999999/answer/", ANSWER).status_code == 404
    assert fresh(ticket).status == "open"


def test_a_missed_target_and_a_rating_are_seen_on_the_page(desk):
    member = make_user()
    ticket = opened(member, priority="urgent")
    move_ticket(ticket_id=ticket.pk, to="resolved", actor=SYSTEM, at=MONDAY + HOUR)
    rate_ticket(
        user_id=member.pk,
        ticket_id=ticket.pk,
        rating=2,
        comment="Slow",
        actor=Actor.of(member),
        at=MONDAY + HOUR,
    )
    words = text(desk.get(page(ticket)))
    assert "First answer missed at 2 Mar 2026, 09:15" in words
    assert "Solution kept at 2 Mar 2026, 10:00" in words
    assert "2 of 5: Slow" in words


def test_the_transcript_is_had_as_text_and_json(desk):
    ticket = opened()
    read = desk.get(page(ticket, "transcript.txt"))
    assert read["Content-Disposition"] == f'attachment; filename="ticket-{ticket.pk}.txt"'
    assert "Where is it?" in read.content.decode()
    assert desk.get(page(ticket, "transcript.json")).json()["messages"][0]["text"] == "Where is it?"
    assert desk.get(page(ticket, "transcript.pdf")).status_code == 404


# --- the desk's terms ---------------------------------------------------------------------------------------


def test_every_change_of_the_desks_terms_is_in_the_trail(boss):
    desk = "/admin/chat_support/"
    boss.post(f"{desk}supporttarget/high/change/", {"first_answer_minutes": "30", "solution_minutes": "240"})
    boss.post(f"{desk}workinghours/add/", {"weekday": "5", "opens": "09:00", "closes": "12:00"})
    boss.post(f"{desk}holiday/add/", {"day": "2026-12-25", "name": "Christmas"})
    boss.post(f"{desk}cannedanswer/add/", {"name": "Hello", "text": "Hello!", "is_active": "on"})
    boss.post(f"{desk}holiday/{Holiday.objects.get().pk}/delete/", {"post": "yes"})
    assert SupportTarget.objects.get(pk="high").first_answer_minutes == 30
    assert WorkingHours.objects.get(weekday=5).opens == time(9)
    assert CannedAnswer.objects.get().text == "Hello!"
    assert not Holiday.objects.exists()
    trail = AuditEntry.objects.order_by("id").values_list("action", "before", "after")
    assert list(trail) == [
        (
            "supporttarget.change",
            {"first_answer_minutes": 60, "solution_minutes": 480},
            {"first_answer_minutes": 30, "solution_minutes": 240},
        ),
        ("workinghours.add", {}, {"weekday": 5, "opens": "09:00:00", "closes": "12:00:00"}),
        ("holiday.add", {}, {"day": "2026-12-25", "name": "Christmas"}),
        ("cannedanswer.add", {}, {"name": "Hello", "text": "Hello!", "is_active": True}),
        ("holiday.delete", {"day": "2026-12-25", "name": "Christmas"}, {}),
    ]


@pytest.mark.parametrize(
    ("address", "body"),
    [
        ("supporttarget/high/change/", {"first_answer_minutes": "0", "solution_minutes": "240"}),
        ("supporttarget/high/change/", {"first_answer_minutes": "60", "solution_minutes": "30"}),
        ("supporttarget/high/change/", {"first_answer_minutes": "60", "solution_minutes": "60001"}),
        ("workinghours/add/", {"weekday": "5", "opens": "12:00", "closes": "09:00"}),
        ("workinghours/add/", {"weekday": "0", "opens": "09:00", "closes": "12:00"}),
    ],
)
def test_terms_that_make_no_sense_are_refused(boss, address, body):
    assert boss.post(f"/admin/chat_support/{address}", body).status_code == 200
    assert not AuditEntry.objects.exists()
