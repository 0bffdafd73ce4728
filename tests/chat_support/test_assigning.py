"""Who is given a ticket, also when everything happens at once."""

from collections import Counter
from threading import Thread

import pytest
from django.db import connections, transaction

from chat_support.models import Agent, SupportTicket, TicketChange
from chat_support.services.assigning import AgentUnknown, assign_ticket, assign_waiting, set_duty
from chat_support.services.messages import Author, Said, record_message
from chat_support.services.steps import move_ticket
from chat_support.services.writing import answer_ticket
from core import outbox
from core.contracts import SYSTEM, Actor
from core.models import AuditEntry
from tests.accounts.factories import make_user
from tests.chat_support.desk import HOUR, MINUTE, MONDAY, fresh, make_agent, opened
from tests.concurrency import together


def agent_of(ticket):
    found = fresh(ticket).assigned_agent
    return found and found.get_username()


@pytest.mark.django_db
def test_the_agent_with_the_fewest_unsolved_is_given_the_ticket():
    busy, free = make_agent("busy"), make_agent("free")
    for user, count in ((busy, 3), (free, 1)):
        for _ in range(count):
            assign_ticket(ticket_id=opened().pk, agent_id=user.pk, actor=SYSTEM, at=MONDAY)
    solved = opened()
    assign_ticket(ticket_id=solved.pk, agent_id=free.pk, actor=SYSTEM, at=MONDAY)
    move_ticket(ticket_id=solved.pk, to="resolved", actor=SYSTEM, at=MONDAY)
    tickets = [opened() for _ in range(3)]
    assert assign_waiting(at=MONDAY) == 3
    assert [agent_of(ticket) for ticket in tickets] == ["free", "free", "busy"]
    change = TicketChange.objects.get(ticket_id=tickets[0].pk, what="agent")
    assert (change.actor, change.before, change.after) == ("system", "", "free")


@pytest.mark.django_db
def test_of_agents_with_as_many_the_one_who_has_been_without_the_longest():
    first, second, never = make_agent("first"), make_agent("second"), make_agent("never")
    for number, user in enumerate((second, first)):
        ticket = opened()
        assign_ticket(ticket_id=ticket.pk, agent_id=user.pk, actor=SYSTEM, at=MONDAY + number * MINUTE)
        move_ticket(ticket_id=ticket.pk, to="closed", actor=SYSTEM, at=MONDAY + HOUR)
    order = []
    for number in range(3):
        ticket = opened()
        assign_waiting(at=MONDAY + 2 * HOUR + number * MINUTE)
        order.append(agent_of(ticket))
        move_ticket(ticket_id=ticket.pk, to="closed", actor=SYSTEM, at=MONDAY + 3 * HOUR)
    assert order == ["never", "second", "first"]
    assert {never, first, second} == {agent.user for agent in Agent.objects.all()}


@pytest.mark.django_db
def test_the_most_urgent_is_given_first_to_who_has_the_fewest():
    busy, free = make_agent("busy"), make_agent("free")
    assign_ticket(ticket_id=opened().pk, agent_id=busy.pk, actor=SYSTEM, at=MONDAY)
    low, urgent = opened(priority="low"), opened(priority="urgent", at=MONDAY + MINUTE)
    assign_waiting(at=MONDAY)
    assert (agent_of(urgent), agent_of(low)) == ("free", "busy")
    assert free.pk != busy.pk


@pytest.mark.django_db
def test_nobody_on_duty_leaves_a_ticket_to_who_comes_next():
    off = make_agent("off", on_duty=False)
    make_agent("blocked", is_active=False)
    ticket = opened()
    assert outbox.drain(5)
    assert agent_of(ticket) is None
    set_duty(user_id=off.pk, on_duty=True, actor=SYSTEM, at=MONDAY)
    assert outbox.drain(5)
    assert agent_of(ticket) == "off"


@pytest.mark.django_db
def test_a_ticket_that_is_opened_again_stays_its_agents_and_one_that_is_nobodys_finds_one():
    theirs, nobodys = opened(), opened()
    first = make_agent("first", on_duty=False)
    assign_ticket(ticket_id=theirs.pk, agent_id=first.pk, actor=SYSTEM, at=MONDAY)
    for ticket in (theirs, nobodys):
        move_ticket(ticket_id=ticket.pk, to="resolved", actor=SYSTEM, at=MONDAY)
    make_agent("second")
    assert outbox.drain(5)
    assert (agent_of(theirs), agent_of(nobodys)) == ("first", None)
    for ticket in (theirs, nobodys):
        move_ticket(ticket_id=ticket.pk, to="open", actor=SYSTEM, at=MONDAY)
    assert outbox.drain(5)
    assert (agent_of(theirs), agent_of(nobodys)) == ("first", "second")


@pytest.mark.django_db
def test_a_ticket_is_given_by_hand_also_to_who_is_off_duty_and_again_changes_nothing():
    off, ticket = make_agent("off", on_duty=False), opened()
    for _ in range(2):
        assign_ticket(ticket_id=ticket.pk, agent_id=off.pk, actor=Actor("staff:lead"), at=MONDAY)
    change = TicketChange.objects.get(what="agent")
    assert (agent_of(ticket), change.actor) == ("off", "staff:lead")
    assert Agent.objects.get().last_assigned_at == MONDAY


@pytest.mark.django_db
@pytest.mark.parametrize("make", [make_user, lambda: make_agent("gone", is_active=False)])
def test_only_agents_who_are_not_blocked_are_given_tickets(make):
    ticket, user = opened(), make()
    with pytest.raises(AgentUnknown):
        assign_ticket(ticket_id=ticket.pk, agent_id=user.pk, actor=SYSTEM, at=MONDAY)
    assert agent_of(ticket) is None
    assert not TicketChange.objects.filter(what="agent").exists()


@pytest.mark.django_db
def test_going_on_duty_twice_is_told_once(published):
    user = make_agent("nomsa")
    set_duty(user_id=user.pk, on_duty=True, actor=SYSTEM, at=MONDAY)
    assert published("agent.on_duty") == [{"user_id": user.pk}]
    entry = AuditEntry.objects.get(action="agent.duty")
    assert (entry.before, entry.after) == ({"on_duty": False}, {"on_duty": True})


# --- at once ------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_tickets_opened_at_once_are_shared_out_evenly():
    for number in range(4):
        make_agent(f"agent{number}")
    members = [make_user() for _ in range(12)]

    def open_one(user):
        opened(user)
        outbox.drain(10)

    results = together(*[lambda user=user: open_one(user) for user in members])
    assert results == [None] * 12
    assert outbox.drain(10)
    loads = Counter(SupportTicket.objects.values_list("assigned_agent__username", flat=True))
    assert loads == {f"agent{number}": 3 for number in range(4)}
    assert TicketChange.objects.filter(what="agent").count() == 12


@pytest.mark.django_db(transaction=True)
def test_a_ticket_opened_while_the_first_agent_comes_on_duty_is_never_left():
    for number in range(8):
        agent = make_agent(f"late{number}", on_duty=False)
        user = make_user()
        together(
            lambda user=user: opened(user),
            lambda agent=agent: set_duty(user_id=agent.pk, on_duty=True, actor=SYSTEM, at=MONDAY),
        )
        assert outbox.drain(10)
        assert not SupportTicket.objects.filter(assigned_agent=None).exists()
        set_duty(user_id=agent.pk, on_duty=False, actor=SYSTEM, at=MONDAY)


@pytest.mark.django_db(transaction=True)
def test_assigning_by_hand_and_by_itself_at_once_waits_for_each_other_and_no_more():
    agents = [make_agent(f"agent{number}") for number in range(3)]
    tickets = [opened() for _ in range(12)]
    results = together(
        lambda: assign_waiting(at=MONDAY),
        lambda: assign_waiting(at=MONDAY),
        *[
            lambda number=number, ticket=ticket: (
                assign_ticket(ticket_id=ticket.pk, agent_id=agents[number % 3].pk, actor=SYSTEM, at=MONDAY).pk
            )
            for number, ticket in enumerate(tickets)
        ],
    )
    assert [result for result in results if isinstance(result, Exception)] == []
    assert not SupportTicket.objects.filter(assigned_agent=None).exists()


@pytest.mark.django_db(transaction=True)
def test_what_somebody_is_giving_by_hand_at_this_moment_counts():
    first, second = make_agent("first"), make_agent("second", on_duty=False)
    theirs = opened()
    assign_ticket(ticket_id=theirs.pk, agent_id=second.pk, actor=SYSTEM, at=MONDAY)
    set_duty(user_id=second.pk, on_duty=True, actor=SYSTEM, at=MONDAY)
    waiting = opened()

    def by_itself():
        assign_waiting(at=MONDAY)
        connections.close_all()

    thread = Thread(target=by_itself)
    with transaction.atomic():
        assign_ticket(ticket_id=theirs.pk, agent_id=first.pk, actor=SYSTEM, at=MONDAY)
        thread.start()
        thread.join(0.5)
        assert thread.is_alive(), "it waits for the agents"
    thread.join(10)
    assert agent_of(waiting) == "second"


@pytest.mark.django_db(transaction=True)
def test_one_message_that_comes_twenty_times_at_once_is_there_once():
    ticket, agent = opened(), make_agent("nomsa", on_duty=False)
    word = Said(message_id="one", author=Author.AGENT, actor=Actor.of(agent), text="So", said_at=MONDAY)
    results = together(*[lambda: record_message(channel_id=ticket.channel_id, said=word, at=MONDAY)] * 20)
    assert sum(result is not None for result in results) == 1
    assert fresh(ticket).unread_by_member == 1


@pytest.mark.django_db(transaction=True)
def test_twenty_answers_and_words_at_once_are_all_counted():
    user, agent = make_user(), make_agent("nomsa", on_duty=False)
    ticket = opened(user)

    def word(number):
        said = Said(
            message_id=f"m{number}",
            author=Author.MEMBER,
            actor=Actor.of(user),
            text="So",
            said_at=MONDAY - MINUTE,
        )
        record_message(channel_id=ticket.channel_id, said=said, at=MONDAY)

    def reply():
        answer_ticket(ticket_id=ticket.pk, text="So", actor=Actor.of(agent), at=MONDAY - 2 * MINUTE)

    results = together(*[lambda number=number: word(number) for number in range(10)], *[reply] * 10)
    assert results == [None] * 20
    with transaction.atomic():
        found = fresh(ticket)
    # The member's first word came after all of the answers: whoever writes has read.
    assert (found.unread_by_member, found.unread_by_agents) == (0, 11)
    assert ticket.messages.count() == 21
