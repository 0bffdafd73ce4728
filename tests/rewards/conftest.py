"""Fixtures of the rewards tests."""

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.facade import issue_access_token
from accounts.models import User
from tests.rewards.ledger import make_member

pytest.register_assert_rewrite(
    "tests.rewards.machine", "tests.rewards.lives"
)  # so that a story ends with what differed


@pytest.fixture
def member(db: None) -> User:
    return make_member()


@pytest.fixture
def signed_in(member: User) -> APIClient:
    """A client that calls as `member`, with a real token."""
    return client_of(member)


def client_of(member: User) -> APIClient:
    client = APIClient()
    token = issue_access_token(member.pk, at=timezone.now())
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    return client
