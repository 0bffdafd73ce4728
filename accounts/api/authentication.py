"""Who is calling: `Authorization: Bearer <access token>`."""

from django.db import connection
from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from accounts.models import User
from accounts.services.tokens import AccessTokenRefused, read_access_token
from core.database.prepared import Prepared
from core.rows import Rows

_USERS = Rows(User, "u")
_ACTIVE_USER = Prepared(
    "users_active",
    f"SELECT {_USERS.columns} FROM users u WHERE u.id = %s AND u.is_active",  # noqa: S608
)


class BearerAuthentication(BaseAuthentication):
    """Turns an access token into its user with one query; without the header the caller is nobody."""

    def authenticate(self, request: Request | HttpRequest) -> tuple[User, None] | None:
        scheme, _, token = request.META.get("HTTP_AUTHORIZATION", "").strip().partition(" ")
        if not scheme:
            return None
        if scheme.lower() != "bearer":
            raise AuthenticationFailed("Send the access token as 'Authorization: Bearer <token>'.")
        try:
            claims = read_access_token(token.strip())
        except AccessTokenRefused as refusal:
            # DRF adds WWW-Authenticate only to its own error.
            raise AuthenticationFailed(refusal.detail) from None
        user = _active_user(claims.user_id)
        if user is None:
            raise AuthenticationFailed("The access token is not valid.")
        ended = user.tokens_valid_from
        if ended is not None and claims.issued_at <= ended.timestamp():
            raise AuthenticationFailed("The access token has been ended.")
        return user, None

    def authenticate_header(self, request: Request | HttpRequest) -> str:
        return "Bearer"


def _active_user(user_id: int) -> User | None:
    with connection.cursor() as cursor:
        _ACTIVE_USER.execute(cursor, [user_id])
        row = cursor.fetchone()
    return None if row is None else _USERS.made_of(row)
