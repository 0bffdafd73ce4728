"""Signing in with a name and a password."""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.contrib.auth import authenticate
from django.db import transaction
from django.http import HttpRequest

from accounts.models import User
from accounts.services.tokens import issue_access_token, issue_refresh_token
from core.errors import DomainError


class InvalidCredentials(DomainError):
    """No active user has this name and this password; which of them was wrong is not said."""

    code, status, title = "invalid_credentials", 401, "Wrong name or password"
    headers = {"WWW-Authenticate": "Bearer"}


@dataclass(frozen=True, slots=True)
class SignedIn:
    """The tokens of one sign-in; `expires_in` is the access token's life in seconds."""

    access: str
    refresh: str
    expires_in: int


def sign_in(*, request: HttpRequest | None, login: str, password: str, at: datetime) -> SignedIn:
    """Check a username or e-mail with its password and begin a new family of tokens.

    Raises:
        InvalidCredentials: unknown, inactive, or a wrong password.
    """
    # Outside the transaction: the password hash is slow on purpose and holds no lock meanwhile.
    user = authenticate(request, username=login, password=password)
    if user is None:
        raise InvalidCredentials
    with transaction.atomic():
        User.objects.filter(pk=user.pk).update(last_login=at, updated_at=at)
        refresh = issue_refresh_token(user.pk, at=at)
    access = issue_access_token(user.pk, at=at)
    return SignedIn(access=access, refresh=refresh, expires_in=settings.ACCESS_TOKEN_SECONDS)
