"""The fake of Firebase in a process of its own, and the pushes that are to go there."""

import json
import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bench.services import PROJECT, ProgramFailed, Services
from tests.fakes.fcm import environment, private_key


@dataclass(frozen=True, slots=True)
class Seen:
    """What the fake says that came: how often each notification id was accepted, and how close it came."""

    accepted: dict[str, int]
    came: int
    seconds: float
    most_in_a_second: int


class FakeFcm:
    """The fake as another process sees it; it outlives every sender."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.environment = environment(self.url, private_key())

    def seen(self) -> Seen:
        return Seen(**json.loads(self._ask("/seen")))

    def came(self) -> int:
        """How many messages came so far."""
        return int(self._ask("/came"))

    def forget(self) -> None:
        self._ask("/forget")

    def _ask(self, path: str) -> bytes:
        with urllib.request.urlopen(self.url + path, timeout=60) as answer:
            found: bytes = answer.read()
        return found


@contextmanager
def fake_fcm(services: Services, *, delay: float = 0.0) -> Iterator[FakeFcm]:
    """Start the fake; each answer takes it `delay` seconds.

    Raises:
        ProgramFailed: it does not start.
    """
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    command = [sys.executable, "-m", "tests.fakes.fcm", f"--fd={listener.fileno()}", "--quiet"]
    process = subprocess.Popen(
        [*command, f"--delay={delay}"],
        cwd=PROJECT,
        pass_fds=[listener.fileno()],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        if not process.stdout.readline().startswith("fake FCM"):
            raise ProgramFailed("the fake FCM does not start")
        yield FakeFcm(listener.getsockname()[1])
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        listener.close()


def make_members(services: Services, number: int) -> None:
    """Make members with a device each."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    from django.db import connection

    from accounts.models import User
    from notifications.models import UserDevice

    members = User.objects.bulk_create((User(username=f"push{n}") for n in range(number)), batch_size=2000)
    UserDevice.objects.bulk_create(
        (
            UserDevice(user=member, device_token=f"{member.pk:0>152}", platform="android")
            for member in members
        ),
        batch_size=2000,
    )
    connection.close()
    services.statement("VACUUM ANALYZE users, user_devices")


def make_pushes(services: Services, number: int) -> None:
    """Leave nothing but so many pushes that are due, to one member after the other."""
    services.statement("TRUNCATE push_notifications, push_sends")
    services.statement(
        f"""
        INSERT INTO push_notifications (notification_id, user_id, kind, category, notification_type, title,
            message, payload, status, reason, scheduled_at, due_at, created_at, updated_at)
        SELECT gen_random_uuid(), m.id, 'points_earned', 'points', 'transactional', '120 points for you',
            'Thank you for your order ' || n || '. You now have ' || n || ' points: see what they get you.',
            jsonb_build_object('kind', 'points_earned', 'link', 'markethub://order/' || n), 'pending', '',
            now(), now(), now(), now()
        FROM generate_series(0, {number - 1}) n
        JOIN (
            SELECT row_number() OVER (ORDER BY id) - 1 AS place, count(*) OVER () AS members, id
            FROM users WHERE username LIKE 'push%'
        ) m ON m.place = n % m.members
        """
    )
    services.statement("VACUUM ANALYZE push_notifications, push_sends")
