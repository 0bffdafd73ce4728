"""A real worker with a real Redis, and what may happen to that."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import redis
from celery import Celery
from django.conf import settings

from bench.processes import children
from config.embedded.redis import Redis
from config.embedded.user import Use

PATIENCE_SECONDS = 60


@pytest.fixture
def broker(data_dir: Path) -> Iterator[Redis]:
    use = Use(Redis(data_dir, durable=False))
    use.start()
    yield use.server
    use.end()


class Worker:
    """A worker of two processes, and its log."""

    def __init__(self, broker: Redis, log: Path) -> None:
        self._broker, self.log = broker, log
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-W", "ignore", "-m", "celery", "-A", "config", "worker"]
        with self.log.open("wb") as output:
            self._process = subprocess.Popen(
                [*command, "--loglevel=INFO", "--concurrency=2", "--without-gossip", "--without-mingle"],
                env={**os.environ, "REDIS_URL": self._broker.url},
                cwd=settings.BASE_DIR,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        wait_for(lambda: " ready." in self.log.read_text())

    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def has_answered(self, names: list[str]) -> bool:
        text = self.log.read_text()
        return all(f"nobody is called {name}\n" in text for name in names)

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


@pytest.fixture
def worker(broker: Redis, data_dir: Path) -> Iterator[Worker]:
    worker = Worker(broker, data_dir / "worker.log")
    yield worker
    worker.kill()


def wait_for(come: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while not come():
        assert time.monotonic() < until
        time.sleep(0.02)


def ask(broker: Redis, names: list[str]) -> None:
    """Nudge a worker for subscribers that nobody is called; it says so in its log, and asks no database."""
    client = Celery(broker=broker.url.replace("unix://", "redis+socket://", 1), set_as_current=False)
    for name in names:
        client.send_task("core.deliver", kwargs={"subscriber": name}, ignore_result=True)
    client.close()


def redis_process(broker: Redis) -> int:
    (pid,) = children(int((broker.home / "supervisor.lock").read_text()))
    return pid


def test_a_worker_goes_on_after_redis_stood_still_while_it_worked(broker: Redis, worker: Worker) -> None:
    """Each acknowledgement that it gave up would cost it one of the two places that it has."""
    first = [f"first-{n}" for n in range(300)]
    ask(broker, first)
    wait_for(lambda: worker.has_answered(first[:20]))
    for _ in range(3):
        os.kill(redis_process(broker), signal.SIGSTOP)
        time.sleep(1)
        os.kill(redis_process(broker), signal.SIGCONT)
        time.sleep(0.05)
    later = [f"later-{n}" for n in range(10)]
    ask(broker, later)
    wait_for(lambda: worker.has_answered([*first, *later]))


def test_a_worker_whose_redis_was_killed_goes_on_or_ends_and_never_stands_still(
    broker: Redis, worker: Worker
) -> None:
    """It ends when kombu stumbles over a connection that is gone while it closes it; whoever keeps it running
    starts it again, as compose and `make run` do."""
    first = [f"first-{n}" for n in range(300)]
    ask(broker, first)
    wait_for(lambda: worker.has_answered(first[:20]))
    client = redis.Redis.from_url(broker.url)
    client.flushall()
    client.close()
    os.kill(redis_process(broker), signal.SIGKILL)
    wait_for(broker.accepts)
    later = [f"later-{n}" for n in range(10)]
    ask(broker, later)
    wait_for(lambda: worker.has_answered(later) or worker.has_ended())
    if worker.has_ended():
        worker.start()
        wait_for(lambda: worker.has_answered(later))
