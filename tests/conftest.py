"""Fixtures of all tests."""

from collections.abc import Iterator
from contextlib import ExitStack
from uuid import uuid4

import pytest
import redis
from django.conf import settings
from django.test import TransactionTestCase
from pytest_django import DjangoDbBlocker
from rest_framework.test import APIClient

from config.celery import app as celery_app
from core import outbox
from tests.databases import PASSWORD, connected, made_role
from tests.flush import empty_and_reseed, keep_seeds


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Let every test that commits leave the database as the migrations made it."""
    with django_db_blocker.unblock():
        keep_seeds()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", lambda self: empty_and_reseed())
        yield


@pytest.fixture(scope="session")
def app_role(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[str]:
    """The role that `grant_app_role` makes."""
    with ExitStack() as stack:
        with django_db_blocker.unblock():
            role = stack.enter_context(made_role("app", password=PASSWORD))
        yield role
        with django_db_blocker.unblock():
            stack.close()


@pytest.fixture
def as_app(transactional_db: None, app_role: str) -> Iterator[str]:
    """Connect as the application does in production: signed in as its role, which owns nothing."""
    with connected(USER=app_role, PASSWORD=PASSWORD):
        yield app_role


@pytest.fixture(scope="session", autouse=True)
def own_queue() -> Iterator[None]:
    """Send nudges to queues of this run's own: no worker of a running site takes them."""
    prefix = f"test-{uuid4().hex}:"
    celery_app.conf.broker_transport_options = {
        **celery_app.conf.broker_transport_options,
        "global_keyprefix": prefix,
    }
    yield
    client = redis.Redis.from_url(settings.REDIS_URL)
    if left := list(client.scan_iter(f"{prefix}*")):
        client.delete(*left)
    client.close()


@pytest.fixture(scope="session", autouse=True)
def static_root() -> None:
    """Keep WhiteNoise from warning that nothing was collected yet."""
    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)


@pytest.fixture(autouse=True)
def rested_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget that an earlier test found the broker away."""
    monkeypatch.setattr(outbox, "_broker_rests_until", 0.0)


@pytest.fixture
def api() -> APIClient:
    return APIClient()
