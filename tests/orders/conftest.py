"""Fixtures of the orders' tests."""

from collections.abc import Callable, Iterator

import pytest

from core import outbox
from core.models import OutboxMessage
from orders import contracts

TOPICS = [value for name, value in vars(contracts).items() if name.startswith("ORDER_")]


@pytest.fixture
def told() -> Iterator[Callable[[], list[tuple[str, int, int]]]]:
    """Topic, order id and user id of all that a subscriber of every topic has been told, oldest first."""
    outbox.subscriber("probe", TOPICS)(lambda messages: None)
    messages = OutboxMessage.objects.filter(subscriber="probe").order_by("id")
    yield lambda: list(messages.values_list("topic", "payload__order_id", "payload__user_id"))
    outbox._subscriptions.pop("probe")


@pytest.fixture
def told_topics(told: Callable[[], list[tuple[str, int, int]]]) -> Callable[[], list[str]]:
    """The topics alone of what a subscriber has been told, oldest first."""
    return lambda: [topic for topic, *_ in told()]
