"""Fixtures of the catalogue's tests."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from catalog.contracts import REVIEW_APPROVED, REVIEW_REJECTED
from core import outbox
from core.models import OutboxMessage


@pytest.fixture
def told() -> Iterator[Callable[[], list[tuple[str, dict[str, Any]]]]]:
    """What a subscriber of the catalogue's topics has been told, oldest first."""
    outbox.subscriber("probe", [REVIEW_APPROVED, REVIEW_REJECTED])(lambda messages: None)
    messages = OutboxMessage.objects.filter(subscriber="probe").order_by("id")
    yield lambda: list(messages.values_list("topic", "payload"))
    outbox._subscriptions.pop("probe")
