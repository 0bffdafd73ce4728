"""Who signs in: a member or staff, by username or by e-mail."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.db.models import Q, Value
from django.db.models.functions import Lower
from django.http import HttpRequest

from accounts.models import User


class NameOrEmailBackend(ModelBackend):
    """Takes a username, or an e-mail in any case.

    A username wins over another user's e-mail that reads the same, so a name means one user and never
    whichever of two the password fits. One password is hashed per attempt, known user or not, so the time
    does not tell whether there is one.
    """

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> User | None:
        login = kwargs.get(User.USERNAME_FIELD) if username is None else username
        if not login or password is None:
            return None
        user = _named(login)
        if user is None:
            User().set_password(password)
            return None
        return user if user.check_password(password) and self.user_can_authenticate(user) else None


def _named(login: str) -> User | None:
    name = User.normalize_username(login)
    # The database lowers both sides: it and Python differ on a few letters.
    found = list(
        User.objects.alias(email_key=Lower("email")).filter(
            Q(username=name) | Q(email_key=Lower(Value(login.strip())))
        )
    )
    return next((user for user in found if user.username == name), found[0] if found else None)
