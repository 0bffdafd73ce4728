"""Processes that use embedded servers under a data directory of their own."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from config.embedded.locks import processes_holding

PROJECT = Path(__file__).resolve().parents[2]
_USE = """
import os, sys
from config.embedded import ServiceFailed, provide
try:
    provide(durable=False)
except ServiceFailed as failure:
    sys.exit(str(failure))
print(os.environ.get("DATABASE_URL"), os.environ.get("REDIS_URL"), flush=True)
sys.stdin.read()
"""


class User:
    """A process that has called `provide()` and goes on until it is released or killed."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        assert process.stdout is not None
        self.database, self.redis = (process.stdout.readline().split() or ["failed", "failed"])[:2]

    def kill(self) -> None:
        with self.process:  # closes the pipes and waits
            self.process.kill()

    def release(self) -> str:
        """End it as a command ends, and return what it wrote to stderr."""
        return self.process.communicate(timeout=20)[1]


def environment(data_dir: Path, **named: str) -> dict[str, str]:
    """This process's environment without the addresses of its own servers."""
    inherited = {key: value for key, value in os.environ.items() if not key.endswith("_URL")}
    inherited.pop("SECRET_KEY", None)
    return {**inherited, "DATA_DIR": str(data_dir), **named}


@contextmanager
def use(data_dir: Path, **named: str) -> Iterator[User]:
    with begin_use(data_dir, **named) as process:
        user = User(process)
        try:
            yield user
        finally:
            user.kill()


def begin_use(data_dir: Path, **named: str) -> "subprocess.Popen[str]":
    return run_python("-c", _USE, environment=environment(data_dir, **named))


def run_python(*arguments: str, environment: dict[str, str]) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=PROJECT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def processes_of(data_dir: Path) -> set[int]:
    """Users, supervisors, servers and the servers' children."""
    locks = data_dir.glob("*/*.lock")
    return {pid for lock in locks for pid in processes_holding(lock)}


def kill_everything(data_dir: Path) -> None:
    """SIGKILL, and again for those that came meanwhile, until nothing is left."""
    while pids := processes_of(data_dir):
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)


def postmaster(data_dir: Path) -> int:
    return int((data_dir / "postgres/data/postmaster.pid").read_text().split()[0])


def eventually(claim: Callable[[], bool], seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while not claim():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.03)
    return True


@contextmanager
def ended_afterwards(data_dir: Path) -> Iterator[None]:
    """Leave no process behind, also where the test fails."""
    with ExitStack() as stack:
        stack.callback(kill_everything, data_dir)
        yield
