"""The task that the beat calls."""

from collections.abc import Iterator

import pytest
from celery.signals import before_task_publish
from django.db import connection

from config.celery import app as celery_app
from notifications import tasks
from tests.accounts.factories import make_user
from tests.notifications.factories import make_device, tell

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def asked() -> Iterator[list[str]]:
    """The tasks that were asked for."""
    names: list[str] = []

    def note(sender: str, **_sent: object) -> None:
        names.append(sender)

    before_task_publish.connect(note)
    yield names
    before_task_publish.disconnect(note)


@pytest.fixture
def some(fcm, asked, monkeypatch, settings):
    settings.FCM_MESSAGES_A_SECOND = 20
    member = make_user()
    make_device(member)
    for _ in range(20):
        tell(member)
    monkeypatch.setattr(tasks, "TURN_SECONDS", 0.5)
    asked.clear()


@pytest.mark.usefixtures("some")
def test_a_turn_whose_time_was_up_asks_for_another(fcm, asked):
    tasks.send_pushes()
    assert asked == ["notifications.send_pushes"]
    assert len(fcm.messages) == 20


@pytest.mark.usefixtures("some")
def test_a_turn_that_leaves_nothing_asks_for_none(asked, settings):
    settings.FCM_MESSAGES_A_SECOND = 1000
    tasks.send_pushes()
    tasks.send_pushes()
    assert asked == []


@pytest.mark.usefixtures("some")
def test_a_turn_that_another_process_has_asks_for_none(fcm, asked):
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [0x70757368])
        tasks.send_pushes()
        cursor.execute("SELECT pg_advisory_unlock(%s)", [0x70757368])
    assert (asked, fcm.messages) == ([], [])


@pytest.mark.usefixtures("some")
def test_without_a_broker_the_beat_goes_on_alone(fcm, monkeypatch):
    monkeypatch.setattr(celery_app.conf, "broker_write_url", "redis://127.0.0.1:1")
    celery_app._after_fork()  # forgets the connections that it has
    try:
        tasks.send_pushes()
    finally:
        monkeypatch.undo()
        celery_app._after_fork()
    assert len(fcm.messages) == 20
