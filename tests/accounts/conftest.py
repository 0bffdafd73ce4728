"""Fixtures of the accounts' tests."""

from collections.abc import Callable, Iterator

import pytest

from accounts.contracts import MEMBER_JOINED
from core import outbox
from core.models import OutboxMessage


@pytest.fixture
def quick_hasher(settings) -> None:
    """Hash passwords in no time; what is slow on purpose has nothing to show here."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def joined() -> Iterator[Callable[[], list[int]]]:
    """The user ids that a subscriber of `member.joined` has been told, oldest first."""
    outbox.subscriber("probe", [MEMBER_JOINED])(lambda messages: None)
    told = OutboxMessage.objects.filter(subscriber="probe").order_by("id")
    yield lambda: list(told.values_list("payload__user_id", flat=True))
    outbox._subscriptions.pop("probe")
