"""A real worker with a real Redis, and what may happen to that."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
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


@pytest.fixture
def worker(broker: Redis, data_dir: Path) -> Iterator[Path]:
    """Start a worker, and give its log."""
    log = data_dir / "worker.log"
    command = [sys.executable, "-W", "ignore", "-m", "celery", "-A", "config", "worker", "--loglevel=INFO"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, "--concurrency=2", "--without-gossip", "--without-mingle"],
            env={**os.environ, "REDIS_URL": broker.url},
            cwd=settings.BASE_DIR,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    wait_for(lambda: " ready." in log.read_text())
    yield log
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


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


def has_answered(log: Path, names: list[str]) -> bool:
    text = log.read_text()
    return all(f"nobody is called {name}\n" in text for name in names)


def redis_process(broker: Redis) -> int:
    (pid,) = children(int((broker.home / "supervisor.lock").read_text()))
    return pid


def test_a_worker_goes_on_after_redis_stood_still_while_it_worked(broker: Redis, worker: Path) -> None:
    """Each acknowledgement that it gave up would cost it one of the two places that it has."""
    first = [f"first-{n}" for n in range(300)]
    ask(broker, first)
    wait_for(lambda: has_answered(worker, first[:20]))
    for _ in range(3):
        os.kill(redis_process(broker), signal.SIGSTOP)
        time.sleep(1)
        os.kill(redis_process(broker), signal.SIGCONT)
        time.sleep(0.05)
    later = [f"later-{n}" for n in range(10)]
    ask(broker, later)
    wait_for(lambda: has_answered(worker, [*first, *later]))
