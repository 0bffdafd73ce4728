"""What the core's tests share."""

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from rest_framework.test import APIClient

from core import outbox
from core.outbox import Handler


@pytest.fixture
def subscribe() -> Iterator[Callable[..., Handler]]:
    """Register handlers for the length of a test, in a process that is new or has long delivered batches."""
    names: list[str] = []

    def register(
        handler: Handler,
        *,
        name: str = "probe",
        topic: str = "probe.seen",
        batch: int = 100,
        is_new: bool = False,
    ) -> Handler:
        outbox.subscriber(name, [topic], batch)(handler)
        if not is_new:
            outbox._subscriptions[name].reach = batch
        names.append(name)
        return handler

    yield register
    for name in names:
        outbox._subscriptions.pop(name)


@pytest.fixture
def signed_in() -> Callable[..., APIClient]:
    """Make a client that is signed in as a user of a given id, or by a key that names its caller."""

    def client(user_id: int = 1, caller: str | None = None) -> APIClient:
        made = APIClient()
        user: Any = SimpleNamespace(pk=user_id, is_authenticated=True)
        made.force_authenticate(user, SimpleNamespace(caller=caller) if caller else None)
        return made

    return client
