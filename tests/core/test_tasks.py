from datetime import timedelta

import pytest
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from config.celery import app as celery_app
from core import outbox
from core.models import IdempotentResponse

pytestmark = pytest.mark.django_db


def run(name, **arguments):
    """Run a task as a worker does: by its name, with what a message carries."""
    celery_app.loader.import_default_modules()
    return celery_app.tasks[name].apply(kwargs=arguments, throw=True)


def test_deliver_delivers_to_the_named_subscriber_and_bears_arguments_of_a_newer_release(subscribe):
    seen = []
    subscribe(seen.extend)
    with transaction.atomic():
        outbox.publish("probe.seen", n=1)
    run("core.deliver", subscriber="probe", invented_later=True)
    assert [message.payload for message in seen] == [{"n": 1}]


def test_the_sweep_runs_with_nothing_to_do():
    run("core.sweep_outbox")


def test_old_answers_are_forgotten():
    IdempotentResponse.objects.create(
        caller="c", route="r", key="k", status=200, created_at=timezone.now() - timedelta(days=2)
    )
    run("core.forget_idempotent_responses")
    assert IdempotentResponse.objects.count() == 0


def test_every_beat_entry_of_the_core_names_a_task():
    celery_app.loader.import_default_modules()
    named = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    ours = {name for name in named if name.startswith("core.")}
    assert ours == {"core.sweep_outbox", "core.forget_idempotent_responses"}
    assert ours <= set(celery_app.tasks)
