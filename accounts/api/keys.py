"""Calls by a shop's or a partner's system: `Authorization: Api-Key <key>`."""

from dataclasses import dataclass
from typing import Any, ClassVar

from django.http import HttpRequest
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.scopes import known_scopes
from accounts.services.keys import usable_key
from core.contracts import Actor
from core.errors import DomainError


class InsufficientScope(DomainError):
    """The key may not do this; whoever made it can make one that may."""

    code, status, title = "insufficient_scope", 403, "This key may not do that"


class ShopKeyNeeded(DomainError):
    """A partner's key speaks for no shop."""

    code, status, title = "shop_key_needed", 403, "This key speaks for no shop"


@dataclass(frozen=True, slots=True)
class KeyAuth:
    """What `request.auth` is in a call by key."""

    key_id: int
    name: str
    shop: str | None
    scopes: frozenset[str]

    @property
    def caller(self) -> str:
        """Whose idempotency keys these are."""
        return f"key:{self.key_id}"

    @property
    def actor(self) -> Actor:
        """Who the audit trail says it was."""
        return Actor(f"key:{self.name}")


def shop_of(request: Request) -> tuple[str, KeyAuth]:
    """Return the shop that the caller's key speaks for, and the key; for views that only keys reach.

    Raises:
        ShopKeyNeeded: it is a partner's key, which speaks for none.
    """
    key = request.auth
    assert isinstance(key, KeyAuth)  # HasScope lets nobody else in
    if not key.shop:
        raise ShopKeyNeeded
    return key.shop, key


class KeyHolder:
    """`request.user` in a call by key: somebody, and no user."""

    pk: ClassVar[None] = None
    is_authenticated: ClassVar[bool] = True
    is_anonymous: ClassVar[bool] = False
    is_active: ClassVar[bool] = True
    is_staff: ClassVar[bool] = False


class ApiKeyAuthentication(BaseAuthentication):
    """Turns a key into what it may do, with one query. For the views of shops and partners and no others."""

    def authenticate(self, request: Request | HttpRequest) -> tuple[KeyHolder, KeyAuth] | None:
        scheme, _, key = request.META.get("HTTP_AUTHORIZATION", "").strip().partition(" ")
        if not scheme:
            return None
        if scheme.lower() != "api-key":
            raise AuthenticationFailed("Send the key as 'Authorization: Api-Key <key>'.")
        row = usable_key(key.strip(), at=timezone.now())
        if row is None:
            raise AuthenticationFailed("The key is not valid.")
        return KeyHolder(), KeyAuth(row.pk, row.name, row.shop, frozenset(row.scopes))

    def authenticate_header(self, request: Request | HttpRequest) -> str:
        return "Api-Key"


class HasScope(BasePermission):
    """Lets a key in that has the view's `scope`: a scope's name, or one for each method."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        if not isinstance(request.auth, KeyAuth):
            return False
        wanted = scope_of(view, request.method)
        if wanted not in request.auth.scopes:
            raise InsufficientScope(f"It needs the scope {wanted}.", scope=wanted)
        return True


def scope_of(view: Any, method: str | None) -> str:
    """Return the scope that a view's method asks for; one that nobody registered is a mistake in the view."""
    asked = view.scope
    # A method that the view does not have is refused by the view; any of its scopes will do until then.
    scope = asked if isinstance(asked, str) else asked.get(method) or next(iter(asked.values()))
    if scope not in known_scopes():
        raise LookupError(f"{type(view).__name__} asks for a scope that is not registered: {scope}")
    return str(scope)
