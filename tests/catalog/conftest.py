"""Fixtures of the catalogue's tests."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from catalog.contracts import REVIEW_APPROVED, REVIEW_REJECTED
from core import outbox
from core.models import OutboxMessage
from tests.accounts.factories import client_of, make_user


@pytest.fixture(autouse=True)
def own_media(settings: Any, tmp_path: Path) -> Path:
    """Where this test's pictures are stored."""
    settings.MEDIA_ROOT = tmp_path / "media"
    return settings.MEDIA_ROOT


@pytest.fixture
def member(db: None) -> User:
    return make_user(first_name="Thandi", last_name="Nkosi")


@pytest.fixture
def signed_in(member: User) -> APIClient:
    """A client that calls as `member`, with a real token."""
    return client_of(member)


@pytest.fixture
def told() -> Iterator[Callable[[], list[tuple[str, dict[str, Any]]]]]:
    """What a subscriber of the catalogue's topics has been told, oldest first."""
    outbox.subscriber("probe", [REVIEW_APPROVED, REVIEW_REJECTED])(lambda messages: None)
    messages = OutboxMessage.objects.filter(subscriber="probe").order_by("id")
    yield lambda: list(messages.values_list("topic", "payload"))
    outbox._subscriptions.pop("probe")
