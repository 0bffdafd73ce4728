"""How many tickets a member opens in a day, and how many messages they write in a minute."""

import pytest

from chat_support.models import SupportTicket, TicketMessage
from chat_support.services.limits import TooManyMessages, TooManyTickets
from chat_support.services.opening import open_ticket
from chat_support.services.writing import answer_ticket, write_message
from core.contracts import Actor
from tests.accounts.factories import client_of, make_user
from tests.chat_support.desk import DAY, HOUR, MINUTE, MONDAY, make_agent, opened
from tests.concurrency import together

pytestmark = pytest.mark.django_db

TICKETS = "/support/tickets/"
BODY = {"subject": "My parcel", "text": "Where is it?"}


@pytest.fixture(autouse=True)
def few(settings, many_tickets):
    settings.TICKETS_A_DAY, settings.TICKET_MESSAGES_A_MINUTE = 3, 5


def test_one_ticket_too_many_is_refused_until_the_first_is_a_day_old(member, on_monday):
    for hours in (0, 1, 2):
        on_monday.move_to(MONDAY + hours * HOUR)
        assert client_of(member).post(TICKETS, BODY).status_code == 201
    on_monday.move_to(MONDAY + 3 * HOUR)
    answer = client_of(member).post(f"/api/v1{TICKETS}", BODY)
    problem = answer.json()
    assert (answer.status_code, problem["code"], problem["retry_after"], problem["limit"]) == (
        429, "too_many_tickets", 21 * 3600, 3,
    )  # fmt: skip
    assert answer["Retry-After"] == str(21 * 3600)
    assert (SupportTicket.objects.count(), TicketMessage.objects.count()) == (3, 3)
    assert client_of(make_user()).post(TICKETS, BODY).status_code == 201
    on_monday.move_to(MONDAY + DAY)
    assert client_of(member).post(TICKETS, BODY).status_code == 201
    assert client_of(member).post(TICKETS, BODY)["Retry-After"] == "3600"


def test_one_message_too_many_is_refused_until_the_minute_is_over(member, on_monday):
    tickets = [opened(member), opened(member)]  # their first messages count, too

    def write(number):
        return client_of(member).post(f"{TICKETS}{tickets[number % 2].pk}/messages/", {"text": "Hello?"})

    on_monday.shift(20)
    assert [write(number).status_code for number in range(3)] == [201] * 3
    answer = write(4)
    assert (answer.status_code, answer.json()["code"], answer["Retry-After"], answer.json()["limit"]) == (
        429, "too_many_messages", "40", 5,
    )  # fmt: skip
    assert TicketMessage.objects.count() == 5
    on_monday.shift(40)
    assert [write(number).status_code for number in range(3)] == [201, 201, 429]


def test_the_same_call_again_is_not_counted(member, on_monday):
    app = client_of(member)
    for number in (1, 2, 3, 3, 3, 2, 1):
        answer = app.post(TICKETS, BODY, headers={"Idempotency-Key": f"tap-{number}"})
        assert answer.status_code == 201
    refused = app.post(TICKETS, BODY, headers={"Idempotency-Key": "tap-4"})
    assert refused.status_code == 429
    assert app.post(TICKETS, BODY, headers={"Idempotency-Key": "tap-1"}).status_code == 201
    assert SupportTicket.objects.count() == 3
    path = f"{TICKETS}{SupportTicket.objects.latest('id').pk}/messages/"
    for number in (1, 2, 2, 1):
        answer = app.post(path, {"text": "Hello?"}, headers={"Idempotency-Key": f"word-{number}"})
        assert answer.status_code == 201
    assert app.post(path, {"text": "Hello?"}, headers={"Idempotency-Key": "word-3"}).status_code == 429
    assert app.post(path, {"text": "Hello?"}, headers={"Idempotency-Key": "word-2"}).status_code == 201


def test_a_key_of_days_ago_is_known_however_many_tickets_there_are(member):
    actor = Actor.of(member)
    first = open_ticket(user_id=member.pk, actor=actor, at=MONDAY, key="tap", **BODY)
    for _ in range(3):
        opened(member, at=MONDAY + 2 * DAY)
    again = open_ticket(user_id=member.pk, actor=actor, at=MONDAY + 2 * DAY, key="tap", **BODY)
    assert again.pk == first.pk
    with pytest.raises(TooManyTickets):
        opened(member, at=MONDAY + 2 * DAY)


def test_agents_write_as_much_as_they_like(member):
    ticket, actor = opened(member), Actor.of(make_agent(on_duty=False))
    for _ in range(10):
        answer_ticket(ticket_id=ticket.pk, text="So", actor=actor, at=MONDAY)
    assert ticket.messages.count() == 11


@pytest.mark.django_db(transaction=True)
def test_of_twenty_at_once_only_as_many_as_may(settings):
    user = make_user()
    results = together(*[lambda: opened(user)] * 20)
    assert [isinstance(result, TooManyTickets) for result in results].count(True) == 17
    tickets = list(SupportTicket.objects.values_list("pk", flat=True))
    assert len(tickets) == 3
    actor, at = Actor.of(user), MONDAY + 2 * MINUTE

    def write(number):
        write_message(user_id=user.pk, ticket_id=tickets[number % 3], text="Hi", actor=actor, at=at)

    results = together(*[lambda number=number: write(number) for number in range(20)])
    assert [isinstance(result, TooManyMessages) for result in results].count(True) == 15
    assert TicketMessage.objects.filter(said_at=at).count() == 5
