"""Fixtures of the support desk's tests."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import time_machine
from rest_framework.test import APIClient

from accounts.models import User
from chat_support import contracts
from core import outbox
from core.models import OutboxMessage
from tests.accounts.factories import client_of, make_user
from tests.chat_support.desk import MONDAY
from tests.fakes.stream import KEY, SECRET, FakeStream


@pytest.fixture(autouse=True)
def many_tickets(settings: Any) -> None:
    """Let the tests' members open and write more than members may."""
    settings.TICKETS_A_DAY = settings.TICKET_MESSAGES_A_MINUTE = 1000


@pytest.fixture
def member(db: None) -> User:
    return make_user("thandi", first_name="Thandi")


@pytest.fixture
def app(member: User) -> APIClient:
    """The member's app."""
    return client_of(member)


@pytest.fixture
def on_monday() -> Iterator[time_machine.Traveller]:
    """Stand still on a working day at nine."""
    with time_machine.travel(MONDAY, tick=False) as traveller:
        yield traveller


@pytest.fixture
def published() -> Iterator[Callable[..., list[dict[str, Any]]]]:
    """What was published under a topic, oldest first."""
    topics = [value for name, value in vars(contracts).items() if name.isupper()]
    outbox.subscriber("probe", topics)(lambda messages: None)
    told = OutboxMessage.objects.filter(subscriber="probe").order_by("id")
    yield lambda topic: list(told.filter(topic=topic).values_list("payload", flat=True))
    outbox._subscriptions.pop("probe")


@pytest.fixture
def stream(settings: Any) -> Iterator[FakeStream]:
    """A Stream on loopback that the settings name; nothing of an earlier test's rate is left."""
    fake = FakeStream()
    settings.STREAM_CHAT_API_KEY, settings.STREAM_CHAT_SECRET = KEY, SECRET
    settings.STREAM_CHAT_URL, settings.STREAM_CALLS_A_MINUTE = fake.url, 60_000
    yield fake
    fake.stop()
