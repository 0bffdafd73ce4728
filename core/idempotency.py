"""`Idempotency-Key`: a call that took effect answers its retries with the same answer.

An answer is kept for a day. What must never happen twice, even later, has a natural key beneath this.
"""

import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import connection, transaction
from django.utils import timezone
from rest_framework.exceptions import NotAuthenticated, ValidationError
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from core import forgetting
from core.errors import DomainError
from core.models import IdempotentResponse

HEADER = "Idempotency-Key"
REMEMBERED_FOR = timedelta(days=1)
_LONGEST_KEY = 255
_VERSION_PREFIX = "api/v1/"


class StillRunning(DomainError):
    """The first call with this key has not ended yet."""

    code, status, title = "still_running", 409, "The same call is still running"
    headers = {"Retry-After": "1"}


class KeyReused(DomainError):
    """The key belongs to a call with another body."""

    code, status, title = "idempotency_key_reused", 422, "This key belongs to another call"


def idempotency_key(request: Request) -> str | None:
    """Read the header, None without it.

    Raises:
        ValidationError: it is not 1 to 255 visible ASCII characters.
    """
    key: str | None = request.headers.get(HEADER)
    if key is None:
        return None
    if not 0 < len(key) <= _LONGEST_KEY or not all("!" <= character <= "~" for character in key):
        raise ValidationError({HEADER: [f"Must be 1 to {_LONGEST_KEY} visible ASCII characters."]})
    return key


def run_once(request: Request, work: Callable[[], Response]) -> Response:
    """Run `work` in one transaction with its answer, or answer as the first call with this key did.

    Without the header it is just `work`. What `work` raises rolls everything back and is not remembered; an
    answer other than 2xx that it returns commits what it wrote and is not remembered either.

    Raises:
        StillRunning: another call with the key has not ended.
        KeyReused: the key was used with another body.
    """
    key = idempotency_key(request)
    if key is None:
        return work()
    caller, route, fingerprint = _caller(request), _route(request), _fingerprint(request.data)
    with transaction.atomic():
        if not _try_lock(caller, route, key):
            raise StillRunning
        # Its own statement, after the lock: only then does the snapshot hold what the last holder committed.
        stored = IdempotentResponse.objects.filter(caller=caller, route=route, key=key).first()
        if stored is not None:
            if stored.fingerprint != fingerprint:
                raise KeyReused
            return _replayed(stored)
        response = work()
        if 200 <= response.status_code < 300:
            IdempotentResponse.objects.create(
                caller=caller,
                route=route,
                key=key,
                fingerprint=fingerprint,
                status=response.status_code,
                headers={name: value for name, value in response.items() if name != "Content-Type"},
                body=JSONRenderer().render(response.data).decode(),
            )
        return response


def forget() -> int:
    """Delete the answers older than a day, in chunks; return how many."""
    return forgetting.forget(
        IdempotentResponse.objects.filter(created_at__lt=timezone.now() - REMEMBERED_FOR)
    )


def _caller(request: Request) -> str:
    """Name whose key this is: what signed the call says so (an API key), or else the user."""
    named: str | None = getattr(request.auth, "caller", None)
    if named is not None:
        return named
    if request.user is None or request.user.pk is None:
        raise NotAuthenticated
    return f"user:{request.user.pk}"


def _route(request: Request) -> str:
    """Name the call: the same at the root and under /api/v1/."""
    match = request.resolver_match
    assert match is not None  # a view runs
    route = match.route.removeprefix(_VERSION_PREFIX)
    # Letters as they are: escaped, a hundred of them are more than the column holds.
    arguments = json.dumps(match.kwargs, sort_keys=True, default=str, ensure_ascii=False)
    return f"{request.method} {route} {arguments if match.kwargs else ''}".rstrip()


def _fingerprint(body: Any) -> str:
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _try_lock(*scope: str) -> bool:
    digest = hashlib.sha256("\n".join(scope).encode()).digest()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_try_advisory_xact_lock(%s)", [int.from_bytes(digest[:8], "big", signed=True)]
        )
        (locked,) = cursor.fetchone()
    return bool(locked)


def _replayed(stored: IdempotentResponse) -> Response:
    body = json.loads(stored.body) if stored.body else None
    return Response(body, status=stored.status, headers={**stored.headers, "Idempotent-Replayed": "true"})
