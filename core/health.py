"""What the outside asks: is it up, are its stores up, and how is it doing."""

import os
from functools import lru_cache

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.loader import MigrationLoader
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest, multiprocess

from core import __version__
from core.integrations import integrations
from core.metrics import collectors

_PING_SECONDS = 0.4


@require_safe
@never_cache
def health(request: HttpRequest) -> JsonResponse:
    """Say that the process answers, which version it is and which integrations are on; asks no store."""
    switches = {name: "on" if on else "off" for name, on in integrations().items()}
    return JsonResponse({"status": "ok", "version": __version__, "integrations": switches})


@require_safe
@never_cache
def health_db(request: HttpRequest) -> JsonResponse:
    """Say whether the stores are up: 503 without PostgreSQL, `degraded` without Redis or with old tables."""
    try:
        migrations = "unapplied" if _unapplied() else "applied"
    except DatabaseError:
        return JsonResponse({"status": "down", "database": "down", "redis": _redis_state()}, status=503)
    redis_state = _redis_state()
    status = "ok" if (redis_state, migrations) == ("up", "applied") else "degraded"
    return JsonResponse({"status": status, "database": "up", "redis": redis_state, "migrations": migrations})


@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """Render the metrics of all processes that share `PROMETHEUS_MULTIPROC_DIR`, or else of this one."""
    counted = CollectorRegistry()
    for collector in collectors():
        counted.register(collector)
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        multiprocess.MultiProcessCollector(counted)  # type: ignore[no-untyped-call]
        page = generate_latest(counted)
    else:
        page = generate_latest(REGISTRY) + generate_latest(counted)
    return HttpResponse(page, content_type=CONTENT_TYPE_LATEST)


@lru_cache(maxsize=1)
def _migrations_of_the_code() -> frozenset[tuple[str, str]]:
    """Read the migration files once: they don't change under a running process."""
    loader = MigrationLoader(None)
    return frozenset(loader.disk_migrations)


def _unapplied() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT app, name FROM django_migrations")
        applied = set(cursor.fetchall())
    return not _migrations_of_the_code() <= applied


@lru_cache(maxsize=1)
def _redis(url: str) -> "redis.Redis":
    return redis.Redis.from_url(
        url, socket_timeout=_PING_SECONDS, socket_connect_timeout=_PING_SECONDS, retry=None
    )


def _redis_state() -> str:
    try:
        _redis(settings.REDIS_URL).ping()
    except redis.RedisError:
        return "down"
    return "up"
