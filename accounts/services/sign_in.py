"""Signing in with a name and a password."""

from datetime import datetime

from django.contrib.auth import authenticate
from django.http import HttpRequest

from accounts.models import User
from accounts.services.limits import Attempt, give_back, take
from accounts.services.sessions import SignedIn, begin_session
from core.api.client_address import client_address, neighbourhood
from core.errors import DomainError


class InvalidCredentials(DomainError):
    """No active user has this name and this password; which of them was wrong is not said."""

    code, status, title = "invalid_credentials", 401, "Wrong name or password"
    headers = {"WWW-Authenticate": "Bearer"}


def sign_in(*, request: HttpRequest, login: str, password: str, at: datetime) -> SignedIn:
    """Check a username or e-mail with its password and begin a new family of tokens.

    Raises:
        TooManyAttempts: this name, or this address, has failed too often.
        InvalidCredentials: unknown, inactive, or a wrong password.
    """
    user = check_password(request=request, login=login, password=password, at=at)
    return begin_session(user.pk, at=at)


def check_password(*, request: HttpRequest, login: str, password: str, at: datetime) -> User:
    """Return the user whose name and password these are, within the limits on guessing.

    The guess is counted, and committed, before the password is looked at: any number of guesses at once
    are no more than the limit. One that was right is taken out of the count again.

    Raises:
        TooManyAttempts, InvalidCredentials: see `sign_in`.
    """
    attempts = _attempts(request, login)
    take(attempts, at=at)
    # Outside any transaction: the password hash is slow on purpose and holds no lock meanwhile.
    user = authenticate(request, username=login, password=password)
    if not isinstance(user, User):
        raise InvalidCredentials
    give_back(attempts, at=at)
    return user


def _attempts(request: HttpRequest, login: str) -> list[Attempt]:
    # By the name as it was given and not by the user: known and unknown names are counted alike.
    attempts = [("login_account", User.normalize_username(login.strip()).casefold())]
    if address := client_address(request):
        attempts.append(("login_address", neighbourhood(address)))
    return attempts
