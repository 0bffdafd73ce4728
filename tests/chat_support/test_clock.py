"""Targets: due in working time, standing still for the member, missed once."""

from datetime import date, time

import pytest

from chat_support.models import Holiday, SupportTarget, SupportTicket, TicketChange, WorkingHours
from chat_support.services.changing import change_priority
from chat_support.services.looking_after import close_resolved, mark_breaches
from chat_support.services.steps import TicketStepNotAllowed, move_ticket
from chat_support.services.writing import answer_ticket, write_message
from core.contracts import SYSTEM, Actor
from core.errors import NotFound
from tests.chat_support.desk import DAY, HOUR, MINUTE, MONDAY, fresh, make_agent, opened

pytestmark = pytest.mark.django_db

FRIDAY = MONDAY + 4 * DAY


@pytest.fixture
def agent(db):
    return make_agent("nomsa", on_duty=False)


def answered(ticket, agent, at):
    answer_ticket(ticket_id=ticket.pk, text="So", actor=Actor.of(agent), at=at)
    return fresh(ticket)


def wrote(ticket, at):
    user = ticket.user
    write_message(user_id=user.pk, ticket_id=ticket.pk, text="Well", actor=Actor.of(user), at=at)
    return fresh(ticket)


def moved(ticket, to, at):
    move_ticket(ticket_id=ticket.pk, to=to, actor=SYSTEM, at=at)
    return fresh(ticket)


def breaches(ticket):
    return list(
        TicketChange.objects.filter(ticket_id=ticket.pk, what="breach").values_list("after", flat=True)
    )


# --- due ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("priority", "first_answer", "solution"),
    [
        ("urgent", 15 * MINUTE, 2 * HOUR),
        ("high", HOUR, 8 * HOUR),
        ("medium", 4 * HOUR, 2 * DAY + 6 * HOUR),  # 24 working hours: 8, 9, and 7 of the third day
        ("low", 8 * HOUR, 7 * DAY + 3 * HOUR),  # 48: over the weekend
    ],
)
def test_each_priority_has_its_targets_in_working_time(priority, first_answer, solution):
    ticket = opened(priority=priority)
    assert (ticket.first_answer_due_at, ticket.solution_due_at) == (MONDAY + first_answer, MONDAY + solution)


def test_a_holiday_is_passed_over_and_so_is_a_day_without_hours(db):
    Holiday.objects.create(day=date(2026, 3, 9), name="Day of the test")
    WorkingHours.objects.get(weekday=1).delete()
    ticket = opened(at=FRIDAY.replace(hour=16, minute=50), priority="urgent")
    assert ticket.first_answer_due_at == MONDAY.replace(day=11, hour=8, minute=5)


def test_a_desk_without_hours_or_a_priority_without_a_target_has_none(db):
    WorkingHours.objects.all().delete()
    assert opened().first_answer_due_at is None
    SupportTarget.objects.all().delete()
    assert opened().solution_due_at is None


# --- standing still -----------------------------------------------------------------------------------------


def test_the_solution_is_due_later_by_the_working_time_in_which_the_member_was_waited_for(agent):
    ticket = opened(priority="high")  # to be solved by five on Monday
    answered(ticket, agent, MONDAY + HOUR)
    ticket = wrote(ticket, MONDAY + DAY)  # seven hours of Monday and one of Tuesday
    assert ticket.waiting_since is None
    assert ticket.paused_for == 8 * HOUR
    assert ticket.solution_due_at == MONDAY + DAY + 7 * HOUR


def test_the_member_waits_for_nobody_over_a_weekend(agent):
    ticket = opened(at=FRIDAY.replace(hour=16), priority="urgent")
    answered(ticket, agent, FRIDAY.replace(hour=16, minute=10))
    ticket = wrote(ticket, FRIDAY.replace(hour=20))
    assert ticket.paused_for == 50 * MINUTE
    assert ticket.solution_due_at == (FRIDAY + 3 * DAY).replace(hour=9, minute=50)


def test_a_second_word_of_the_member_moves_nothing_more(agent):
    ticket = opened(priority="high")
    answered(ticket, agent, MONDAY + HOUR)
    wrote(ticket, MONDAY + 2 * HOUR)
    due = fresh(ticket).solution_due_at
    assert wrote(ticket, MONDAY + 3 * HOUR).solution_due_at == due


def test_a_ticket_that_is_opened_again_has_the_time_that_was_left(agent):
    ticket = opened(priority="high")
    moved(ticket, "resolved", MONDAY + 2 * HOUR)
    ticket = moved(ticket, "open", MONDAY + 3 * DAY)
    assert ticket.solution_due_at == MONDAY + 3 * DAY + 6 * HOUR
    assert ticket.first_answer_due_at is not None
    assert (ticket.resolved_at, ticket.status) == (None, "open")


# --- another priority ---------------------------------------------------------------------------------------


def test_another_priority_reckons_from_the_opening_with_what_stood_still(agent):
    ticket = opened(priority="medium")
    answered(ticket, agent, MONDAY + HOUR)
    wrote(ticket, MONDAY + 3 * HOUR)
    change_priority(ticket_id=ticket.pk, priority="urgent", actor=Actor.of(agent), at=MONDAY + 3 * HOUR)
    ticket = fresh(ticket)
    assert ticket.solution_due_at == MONDAY + 4 * HOUR
    assert ticket.first_answer_due_at == MONDAY + 4 * HOUR, "it was answered by the old one"
    change = TicketChange.objects.filter(what="priority").get()
    assert (change.actor, change.before, change.after) == ("staff:nomsa", "medium", "urgent")


def test_another_priority_takes_the_desks_terms_of_now():
    ticket = opened(priority="medium")
    SupportTarget.objects.filter(priority="high").update(first_answer_minutes=30, solution_minutes=90)
    change_priority(ticket_id=ticket.pk, priority="high", actor=SYSTEM, at=MONDAY)
    ticket = fresh(ticket)
    assert ticket.first_answer_due_at == MONDAY + 30 * MINUTE
    assert ticket.solution_due_at == MONDAY + 90 * MINUTE


def test_the_same_priority_leaves_no_trace():
    ticket = opened(priority="high")
    change_priority(ticket_id=ticket.pk, priority="high", actor=SYSTEM, at=MONDAY)
    assert not TicketChange.objects.filter(what="priority").exists()


def test_a_target_missed_by_the_old_priority_stays_missed():
    ticket = opened(priority="urgent")
    change_priority(ticket_id=ticket.pk, priority="low", actor=SYSTEM, at=MONDAY + HOUR)
    assert fresh(ticket).first_answer_breached_at == MONDAY + 15 * MINUTE


# --- missed -------------------------------------------------------------------------------------------------


def test_a_missed_target_is_marked_once_and_published(published):
    ticket = opened(priority="urgent")
    assert mark_breaches(at=MONDAY + 15 * MINUTE) == 0, "due is not yet missed"
    assert mark_breaches(at=MONDAY + 16 * MINUTE) == 1
    assert mark_breaches(at=MONDAY + 17 * MINUTE) == 0
    assert mark_breaches(at=MONDAY + 3 * HOUR) == 1
    assert mark_breaches(at=MONDAY + 9 * DAY) == 0
    facts = {"ticket_id": ticket.pk, "user_id": ticket.user_id}
    assert published("ticket.breached") == [
        {**facts, "target": "first_answer"},
        {**facts, "target": "solution"},
    ]
    assert breaches(ticket) == ["first_answer", "solution"]
    found = fresh(ticket)
    assert found.first_answer_breached_at == MONDAY + 15 * MINUTE
    assert found.solution_breached_at == MONDAY + 2 * HOUR


def test_a_late_answer_has_missed_its_target_though_no_job_has_run(agent):
    ticket = answered(opened(priority="urgent"), agent, MONDAY + 20 * MINUTE)
    assert breaches(ticket) == ["first_answer"]
    assert ticket.first_answer_breached_at == MONDAY + 15 * MINUTE


def test_a_late_solution_has_missed_its_target_though_no_job_has_run(agent):
    ticket = opened(priority="urgent")
    answered(ticket, agent, MONDAY)
    wrote(ticket, MONDAY)
    ticket = moved(ticket, "resolved", MONDAY + 3 * HOUR)
    assert breaches(ticket) == ["solution"]


@pytest.mark.parametrize("state", ["waiting", "resolved", "closed"])
def test_who_waits_for_the_member_misses_nothing(agent, state):
    ticket = opened(priority="urgent")
    if state == "waiting":
        answered(ticket, agent, MONDAY)
    else:
        moved(ticket, state, MONDAY)
    assert mark_breaches(at=MONDAY + 30 * DAY) == 0
    assert breaches(ticket) == []


def test_a_solution_missed_already_is_not_due_later(agent):
    ticket = opened(priority="urgent")
    mark_breaches(at=MONDAY + 3 * HOUR)
    answered(ticket, agent, MONDAY + 3 * HOUR)
    assert wrote(ticket, MONDAY + 5 * HOUR).solution_due_at == MONDAY + 2 * HOUR


def test_a_thousand_breaches_are_marked_in_one_run(member):
    for _ in range(250):
        opened(member, priority="urgent")
    assert mark_breaches(at=MONDAY + HOUR) == 250


# --- closing ------------------------------------------------------------------------------------------------


def test_a_resolved_ticket_closes_after_a_week_without_a_word(agent, settings):
    quiet, spoken, unsolved = opened(), opened(), opened()
    moved(quiet, "resolved", MONDAY)
    moved(spoken, "resolved", MONDAY)
    answered(spoken, agent, MONDAY + 2 * DAY)
    assert close_resolved(at=MONDAY + 7 * DAY) == 0
    assert close_resolved(at=MONDAY + 7 * DAY + MINUTE) == 1
    assert [fresh(ticket).status for ticket in (quiet, spoken, unsolved)] == ["closed", "resolved", "open"]
    assert fresh(quiet).closed_at == MONDAY + 7 * DAY + MINUTE
    assert TicketChange.objects.get(ticket_id=quiet.pk, after="closed").actor == "system"
    settings.TICKET_CLOSES_AFTER_DAYS = 3
    assert close_resolved(at=MONDAY + 6 * DAY) == 1


# --- steps --------------------------------------------------------------------------------------------------


def test_what_the_table_does_not_have_is_refused_and_changes_nothing():
    ticket = opened()
    moved(ticket, "closed", MONDAY)
    before = SupportTicket.objects.filter(pk=ticket.pk).values().get()
    with pytest.raises(TicketStepNotAllowed):
        moved(ticket, "resolved", MONDAY + HOUR)
    assert SupportTicket.objects.filter(pk=ticket.pk).values().get() == before
    assert TicketChange.objects.filter(ticket_id=ticket.pk).count() == 2


def test_a_ticket_that_is_not_there_is_not_moved(db):
    with pytest.raises(NotFound):
        move_ticket(ticket_id=1, to="closed", actor=SYSTEM, at=MONDAY)


def test_hours_in_the_programmes_zone_hold_whatever_the_members_is(db):
    WorkingHours.objects.all().delete()
    WorkingHours.objects.create(weekday=0, opens=time(9, 30), closes=time(10))
    assert opened(priority="urgent").first_answer_due_at == MONDAY + 45 * MINUTE
