"""Users and their tokens."""

import itertools
from datetime import datetime
from typing import Any

from django.utils import timezone
from rest_framework.test import APIClient

from accounts.facade import issue_access_token
from accounts.models import User

_numbers = itertools.count(1)


def make_user(username: str = "", **fields: Any) -> User:
    """A member who has no password unless one is given."""
    return User.objects.create_user(username or f"member{next(_numbers)}", **fields)


def bearer(user: User, *, at: datetime | None = None) -> dict[str, str]:
    """The headers of a request of this user's."""
    return {"Authorization": f"Bearer {issue_access_token(user.pk, at=at or timezone.now())}"}


def client_of(user: User) -> APIClient:
    """A client that sends the user's access token, as the app does."""
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=bearer(user)["Authorization"])
    return client
