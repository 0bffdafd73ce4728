import os
import subprocess
import sys
import tomllib
from datetime import timedelta

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

import core
from core import integrations
from core.models import OutboxMessage


def test_health_answers_without_any_store(api, monkeypatch, settings):
    settings.REDIS_URL = "unix:///nowhere.sock"
    for variables in integrations._VARIABLES.values():
        for name in variables:
            monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MIXPANEL_TOKEN", "token")
    monkeypatch.setenv("STREAM_CHAT_API_KEY", "half of what it takes")
    assert api.get("/health").json() == {
        "status": "ok",
        "version": core.__version__,
        "integrations": {
            "stream_chat": "off",
            "firebase": "off",
            "google_analytics": "off",
            "mixpanel": "on",
            "phone_codes": "off",
            "email": "off",
            "google_sign_in": "off",
            "apple_sign_in": "off",
            "facebook_sign_in": "off",
        },
    }


def test_what_is_off_is_said_with_the_variables_that_are_missing(monkeypatch, caplog):
    monkeypatch.setattr(integrations, "_VARIABLES", {"chat": ("CHAT_KEY", "CHAT_SECRET"), "push": ("PUSH",)})
    monkeypatch.setenv("CHAT_KEY", "k")
    monkeypatch.delenv("CHAT_SECRET", raising=False)
    monkeypatch.setenv("PUSH", "p")
    with caplog.at_level("INFO", "core.integrations"):
        integrations.announce()
    assert caplog.messages == ["integration chat is off: CHAT_SECRET not set"]


def test_the_version_is_the_project_s():
    project = tomllib.loads((settings.BASE_DIR / "pyproject.toml").read_text())["project"]
    assert core.__version__ == project["version"]


@pytest.mark.django_db
def test_health_db_costs_one_query(api, django_assert_num_queries):
    api.get("/health/db")
    with django_assert_num_queries(1):
        response = api.get("/health/db")
    assert (response.status_code, response.json()) == (
        200,
        {"status": "ok", "database": "up", "redis": "up", "migrations": "applied"},
    )


@pytest.mark.django_db
def test_without_redis_the_site_is_degraded_and_serves(api, settings):
    settings.REDIS_URL = "unix:///nowhere.sock"
    response = api.get("/health/db")
    assert (response.status_code, response.json()) == (
        200,
        {"status": "degraded", "database": "up", "redis": "down", "migrations": "applied"},
    )


@pytest.mark.django_db
def test_a_migration_that_was_not_applied_shows(api):
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'core' AND name = '0001_initial'")
    assert api.get("/health/db").json()["migrations"] == "unapplied"


def test_without_postgresql_it_is_down(tmp_path):
    """In a process of its own, whose database is an address where nobody listens."""
    script = (
        "import django; django.setup()\n"
        "from django.test import Client\n"
        "for path in ('/health', '/health/db', '/metrics'):\n"
        "    print(path, Client().get(path, headers={'host': 'localhost'}).status_code)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        env={**os.environ, "DATABASE_URL": f"postgresql://x@{str(tmp_path).replace('/', '%2F')}/gone"},
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.stdout.splitlines() == ["/health 200", "/health/db 503", "/metrics 200"], ran.stderr


@pytest.mark.django_db
def test_metrics_count_the_outbox_by_subscriber(api):
    old = timezone.now() - timedelta(seconds=100)
    OutboxMessage.objects.bulk_create(
        [
            OutboxMessage(subscriber="one", topic="t", payload={}, created_at=old),
            OutboxMessage(subscriber="one", topic="t", payload={}),
            OutboxMessage(subscriber="one", topic="t", payload={}, died_at=old),
            OutboxMessage(subscriber="two", topic="t", payload={}, died_at=old),
        ]
    )
    response = api.get("/metrics")
    assert response["Content-Type"].startswith("text/plain; version=")
    lines = dict(line.rsplit(" ", 1) for line in response.content.decode().splitlines() if line[0] != "#")
    assert lines['markethub_outbox_pending{subscriber="one"}'] == "2.0"
    assert lines['markethub_outbox_dead{subscriber="one"}'] == "1.0"
    assert 100 <= float(lines['markethub_outbox_oldest_seconds{subscriber="one"}']) < 110
    assert lines['markethub_outbox_pending{subscriber="two"}'] == "0.0"
    assert lines['markethub_outbox_dead{subscriber="two"}'] == "1.0"
    assert lines['markethub_outbox_oldest_seconds{subscriber="two"}'] == "0.0"


@pytest.mark.django_db
def test_metrics_add_up_the_processes_that_share_a_directory(tmp_path):
    """Two processes count one request each; a third one shows two."""
    script = (
        "import sys, django; django.setup()\n"
        "from django.test import Client\n"
        "page = Client().get(sys.argv[1], headers={'host': 'localhost'}).content.decode()\n"
        "print(*[line for line in page.splitlines() if 'request_seconds_count' in line], sep='\\n')\n"
    )
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    for path in ("/health", "/health", "/metrics"):
        ran = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", script, path],
            env=environment,
            cwd=settings.BASE_DIR,
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert ran.stdout.splitlines() == [
        'markethub_request_seconds_count{method="GET",route="health",status="200"} 2.0'
    ], ran.stderr


@pytest.mark.parametrize("path", ["/health", "/health/db", "/metrics"])
def test_they_can_only_be_read(api, path):
    assert api.post(path).status_code == 405
