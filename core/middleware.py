"""What every request passes: the stopwatch and the limit on bodies."""

import time
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.db import connection
from django.http import Http404, HttpRequest, HttpResponseBase, UnreadablePostError
from django.urls import resolve
from prometheus_client import Histogram

from core.api.problems import problem_response
from core.metrics import DATABASE_SECONDS, REQUEST_SECONDS

GetResponse = Callable[[HttpRequest], HttpResponseBase]

_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})
_LONGEST_LENGTH = 18  # digits; of thousands Python would not make a number
_DRAIN_CHUNK = 64 * 1024
_DRAIN_BYTES = 32 * 1024 * 1024


class _QueryTimer:
    """Adds up the seconds of the statements that run through it."""

    __slots__ = ("seconds",)

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(
        self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]
    ) -> Any:
        start = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            self.seconds += time.perf_counter() - start


class MetricsMiddleware:
    """Times each request and its database statements, by route: never by path, which holds ids."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        timer = _QueryTimer()
        start = time.perf_counter()
        with connection.execute_wrapper(timer):
            response = self.get_response(request)
        seconds = time.perf_counter() - start
        match = request.resolver_match
        route = match.route if match is not None else "(none)"
        # A caller may invent methods; a label must not grow with what callers invent.
        method = request.method if request.method in _METHODS else "other"
        requests, database = _histograms(method, route, response.status_code)
        requests.observe(seconds)
        database.observe(timer.seconds)
        return response


@lru_cache(maxsize=4096)
def _histograms(method: str, route: str, status: int) -> tuple[Histogram, Histogram]:
    """Find the histograms of such a request, which takes longer than to use them."""
    return REQUEST_SECONDS.labels(method, route, str(status)), DATABASE_SECONDS.labels(route)


class BodyLimitMiddleware:
    """Refuses bodies above `MAX_BODY_BYTES` before anything reads them, and leaves no body unread.

    A view that takes files says how much with its class's `max_body_bytes`.

    A server that closes a connection with unread bytes in it resets it, and the client may lose the answer
    that explains the refusal. So what a view left, or what was refused, is read and dropped, up to 32 MB.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        declared = request.META.get("CONTENT_LENGTH") or "0"
        if declared == "0":
            if request.META.get("HTTP_TRANSFER_ENCODING"):
                return problem_response(
                    411, "length_required", "Length required", "Send the body with a Content-Length."
                )
            return self.get_response(request)
        if not (declared.isascii() and declared.isdigit() and len(declared) <= _LONGEST_LENGTH):
            return problem_response(400, "malformed", "Bad request", "Content-Length is not a number.")
        if int(declared) > settings.MAX_BODY_BYTES and int(declared) > (limit := _limit_of(request)):
            _drain(request)
            return problem_response(
                413, "body_too_large", "Body too large", f"The body may have {limit} bytes.", limit=limit
            )
        response = self.get_response(request)
        _drain(request)
        return response


def _limit_of(request: HttpRequest) -> int:
    try:
        view = resolve(request.path_info).func
    except Http404:
        return int(settings.MAX_BODY_BYTES)
    return int(getattr(getattr(view, "view_class", None), "max_body_bytes", settings.MAX_BODY_BYTES))


def _drain(request: HttpRequest) -> None:
    left = _DRAIN_BYTES
    # A client that went away has nothing left to lose.
    with suppress(UnreadablePostError, OSError):
        while left > 0 and (chunk := request.read(_DRAIN_CHUNK)):
            left -= len(chunk)
