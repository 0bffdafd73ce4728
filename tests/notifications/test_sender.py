"""The process that sends: alone, at its rate, without leaving anything open, and killed."""

import gc
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone

from bench.prove_push import planned
from bench.services import PROJECT
from notifications.models import PushNotification, PushSend
from notifications.services import sending
from notifications.services.sending import send_due
from tests.accounts.factories import make_user
from tests.fakes.fcm import Said
from tests.notifications.factories import make_device, tell

pytestmark = pytest.mark.django_db(transaction=True)


def tell_somebody(number=1):
    member = make_user()
    make_device(member)
    for _ in range(number):
        tell(member)
    return member


def test_while_one_process_sends_another_does_nothing(fcm, settings):
    settings.FCM_MESSAGES_A_SECOND = 100

    def run(_):
        try:
            return send_due()
        finally:
            connection.close()

    tell_somebody(150)
    with ThreadPoolExecutor(2) as threads:
        answered = sorted(threads.map(run, range(2)))
    assert answered == [0, 150]
    assert set(fcm.accepted.values()) == {1}
    assert fcm.most_in_a_second() <= 100


def test_a_hundred_runs_leave_no_connection_thread_or_file_open(fcm):
    member = tell_somebody()
    send_due()  # what a process opens once
    open_files, threads = len(os.listdir("/proc/self/fd")), threading.active_count()
    for number in range(100):
        if number % 10 == 0:
            fcm.said[member.devices.get().device_token] = [Said(503), Said(200)] if number % 20 else []
        tell(member)
        send_due()
    gc.collect()
    for _ in range(100):
        if fcm.connections == 0:
            break
        time.sleep(0.02)
    assert fcm.connections == 0
    assert threading.active_count() == threads
    assert len(os.listdir("/proc/self/fd")) <= open_files
    assert len(fcm.messages) == 101


def test_what_is_not_sent_before_its_lease_is_about_to_end_is_left(firebase, monkeypatch):
    """FCM that answers slowly must not make two claims of one push."""
    monkeypatch.setattr(sending, "LEASE", timedelta(seconds=21))
    monkeypatch.setattr("notifications.fcm.CONNECTIONS", 1)
    fcm = firebase(delay=0.4)
    tell_somebody(10)
    send_due(seconds=0.1)
    assert 2 <= len(fcm.messages) <= 4
    assert PushSend.objects.filter(state="done").count() == len(fcm.messages)
    left = PushSend.objects.filter(state="pending")
    assert left.count() == 10 - len(fcm.messages)
    left.update(due_at=timezone.now())
    monkeypatch.setattr(sending, "LEASE", timedelta(seconds=60))
    send_due()
    assert PushNotification.objects.filter(status="sent").count() == 10
    assert set(fcm.accepted.values()) == {1}


def test_answers_outlive_a_connection_that_breaks(firebase):
    """All of them go, in the moment between the request and its answer."""
    fcm = firebase(delay=1.0)
    tell_somebody(5)
    with ThreadPoolExecutor(1) as thread:
        run = thread.submit(send_due)
        while len(fcm.messages) < 5:
            time.sleep(0.01)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                " AND application_name = 'markethub'"
            )
        assert isinstance(run.exception(), InterfaceError | OperationalError | None)
    assert PushNotification.objects.filter(status="sent").count() == 5
    assert set(fcm.accepted.values()) == {1}


# --- killed ------------------------------------------------------------------------------------------------


def test_a_killed_sender_loses_nothing_and_doubles_only_what_it_had_not_written_down():
    environment = {
        name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")
    }
    environment["DATA_DIR"] = str(Path(os.environ["DATA_DIR"]).parent)
    command = [sys.executable, "-W", "ignore", "-m", "bench.prove_push", "--impatient"]
    ran = subprocess.run(
        [*command, "--pushes=2000", "--kills=2", "--seed=test"],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.count("SIGKILL after") == 2
    assert "the fake has 2,000 of them" in ran.stdout
    assert ran.stdout.endswith("Every push arrived, and every row says so.\n")


def test_a_seed_kills_at_the_same_moments_and_another_one_at_others():
    plans = [planned(seed, pushes=20_000, kills=10) for seed in ("a", "a", "b")]
    assert plans[0] == plans[1] != plans[2]
    assert plans[0] == sorted(plans[0])
    assert len(set(plans[0])) == 10
    assert all(2000 * n < moment < 2000 * (n + 1) for n, moment in enumerate(plans[0]))
