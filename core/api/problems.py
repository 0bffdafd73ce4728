"""RFC 9457 answers for whatever goes wrong, from DRF views and from Django itself.

Every problem has `type`, `title`, `status`, `code`, `detail` and `error` (the sentence the app shows, equal
to `title`). Bad input is code `invalid` with `errors`: field → messages, where the field of a nested value
is its dotted path (`lines.0.qty`) and `body` stands for the input as a whole.
"""

import logging
import sys
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views import defaults
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.settings import api_settings

from core.database.away import is_away
from core.errors import DomainError

logger = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"
_AWAY_SECONDS = "2"  # PostgreSQL takes about as long to start again


def problem(status: int, code: str, title: str, detail: str | None = None, **facts: Any) -> dict[str, Any]:
    """Build the members of one problem answer."""
    return {
        **facts,
        "type": f"urn:markethub:problem:{code}",
        "title": title,
        "status": status,
        "code": code,
        "detail": detail or title,
        "error": title,
    }


def problem_of(refusal: DomainError | exceptions.ValidationError) -> dict[str, Any]:
    """Build the problem answer of a refusal; a batch gives one for each of its refused parts."""
    if isinstance(refusal, DomainError):
        return problem(refusal.status, refusal.code, refusal.title, refusal.detail, **refusal.facts)
    return problem(
        400, "invalid", "Invalid input", "Some fields are wrong.", errors=_by_field(refusal.detail)
    )


def printable(sent: str) -> str:
    """Return what a caller sent so that it can be sent back: JSON may hold halves of characters."""
    return sent.encode(errors="replace").decode()


def exception_handler(exc: Exception, context: Mapping[str, Any]) -> Response | None:
    """Render what a view raised; None, for what nobody expected, lets Django log it and answer 500."""
    headers: dict[str, str] = {}
    if isinstance(exc, DomainError | exceptions.ValidationError):
        body = problem_of(exc)
        headers.update(getattr(exc, "headers", {}))
    elif isinstance(exc, exceptions.APIException):
        body = _of_api_exception(exc)
        if exc.status_code >= 500:
            logger.error("answered with %d", exc.status_code, exc_info=exc)
        if challenge := getattr(exc, "auth_header", None):
            headers["WWW-Authenticate"] = challenge
        if wait := getattr(exc, "wait", None):
            headers["Retry-After"] = str(int(wait))
    elif isinstance(exc, Http404):
        body = problem(404, "not_found", "Not found")
    elif isinstance(exc, PermissionDenied):
        body = problem(403, "permission_denied", "Not allowed")
    elif is_away(exc):
        logger.warning("answered with 503: %s: %s", type(exc).__name__, str(exc).strip().partition("\n")[0])
        body = _of_database_away()
        headers["Retry-After"] = _AWAY_SECONDS
    else:
        return None
    return Response(body, status=body["status"], headers=headers, content_type=CONTENT_TYPE)


def problem_response(
    status: int, code: str, title: str, detail: str | None = None, **facts: Any
) -> HttpResponse:
    """Answer with a problem from plain Django code: middleware and error handlers."""
    return JsonResponse(
        problem(status, code, title, detail, **facts), status=status, content_type=CONTENT_TYPE
    )


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Be `handler400`; what was suspicious is not repeated to the caller."""
    if _in_admin(request):
        return defaults.bad_request(request, exception)
    return problem_response(400, "bad_request", "Bad request")


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Be `handler403`."""
    if _in_admin(request):
        return defaults.permission_denied(request, exception)
    return problem_response(403, "permission_denied", "Not allowed")


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Be `handler404`."""
    if _in_admin(request):
        return defaults.page_not_found(request, exception)
    return problem_response(404, "not_found", "Not found")


def server_error(request: HttpRequest) -> HttpResponse:
    """Be `handler500`; Django has logged the traceback. Without the database it is a 503."""
    if is_away(sys.exc_info()[1]):
        away = (
            HttpResponse("The database is away. Try again in a moment.", "text/plain", status=503)
            if _in_admin(request)
            else JsonResponse(_of_database_away(), status=503, content_type=CONTENT_TYPE)
        )
        away["Retry-After"] = _AWAY_SECONDS
        return away
    if _in_admin(request):
        return defaults.server_error(request)
    return problem_response(500, "server_error", "Something went wrong", "The error has been logged.")


def _in_admin(request: HttpRequest) -> bool:
    return request.path_info.startswith("/admin/")  # people read those in a browser


def _of_database_away() -> dict[str, Any]:
    detail = "What was asked may have been done: ask again with the same Idempotency-Key."
    return problem(503, "database_away", "Temporarily unavailable", detail)


_TITLES: dict[type[exceptions.APIException], tuple[str, str]] = {
    exceptions.ParseError: ("malformed", "Unreadable body"),
    exceptions.NotAuthenticated: ("not_authenticated", "Sign in first"),
    exceptions.AuthenticationFailed: ("authentication_failed", "Sign in again"),
    exceptions.PermissionDenied: ("permission_denied", "Not allowed"),
    exceptions.NotFound: ("not_found", "Not found"),
    exceptions.MethodNotAllowed: ("method_not_allowed", "Method not allowed"),
    exceptions.NotAcceptable: ("not_acceptable", "Not acceptable"),
    exceptions.UnsupportedMediaType: ("unsupported_media_type", "Unsupported media type"),
    exceptions.Throttled: ("throttled", "Too many requests"),
}


def _of_api_exception(exc: exceptions.APIException) -> dict[str, Any]:
    code, title = _TITLES.get(type(exc)) or (exc.default_code, HTTPStatus(exc.status_code).phrase)
    detail = exc.detail if isinstance(exc.detail, str) else None
    return problem(exc.status_code, code, title, detail)


def _by_field(detail: Any) -> dict[str, list[str]]:
    errors: dict[str, list[str]] = {}
    for path, message in _messages(detail, ()):
        errors.setdefault(".".join(path) or "body", []).append(message)
    return errors


def _messages(detail: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(detail, Mapping):
        for name, inner in detail.items():
            # A serializer's own complaint belongs to the object, not to a field of it.
            here = path if name == api_settings.NON_FIELD_ERRORS_KEY else (*path, str(name))
            yield from _messages(inner, here)
    elif isinstance(detail, list):
        for position, inner in enumerate(detail):
            here = (*path, str(position)) if isinstance(inner, Mapping | list) else path
            yield from _messages(inner, here)
    else:
        yield path, printable(str(detail))
