"""Doing the faults, and starting again what was killed, as an operator's supervisor would."""

import os
import random
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psycopg2

from bench.faults.plan import Fault, Kind
from bench.processes import children
from bench.services import Import, ProgramFailed, Services, Worker
from bench.web import Web

_START_AGAIN_SECONDS = 0.5
_IMPORT_REST_SECONDS = 2.0
_MOST_IMPORTS = 200
_WORK_SECONDS = 1.0
_SOME_MESSAGE = "SELECT FROM core_outboxmessage WHERE due_at <= now() LIMIT 1"

Undo = Callable[[], None]


class Victims:
    """Everything that may be harmed. Call it from one thread, which lives as long as the programs."""

    def __init__(self, services: Services, web: Web, worker: Worker, imports: list[Import]) -> None:
        self._services = services
        self._web = web
        self._worker = worker
        self._imports = imports
        self._ended_at: dict[str, float] = {}
        self._paused: set[int] = set()

    def suffer(self, fault: Fault) -> Undo | None:
        """Do a fault; return what ends it, None where it is over at once."""
        dice = random.Random(fault.dice)
        harm = {
            Kind.WEB_PROCESS_KILLED: lambda: _kill(_one(children(self._web.pid), dice)),
            Kind.WEB_MASTER_KILLED: lambda: _kill(self._web.pid),
            Kind.WORKER_CHILD_KILLED: lambda: self._kill_at_work(_one(children(self._worker.pid), dice)),
            Kind.WORKER_KILLED: lambda: self._kill_at_work(self._worker.pid),
            Kind.IMPORTER_KILLED: self._kill_importer,
            Kind.POSTGRES_RESTARTED: lambda: os.kill(self._services.postmaster(), signal.SIGQUIT),
            Kind.POSTGRES_SESSION_KILLED: lambda: _kill(_one(self._sessions(), dice)),
            Kind.REDIS_EMPTIED: self._services.empty_redis,
            Kind.REDIS_STOPPED: self._stop_redis,
            Kind.WEB_PAUSED: lambda: self._pause(_some(children(self._web.pid), dice, most=1)),
            Kind.WORKER_PAUSED: lambda: self._pause(_some(_family(self._worker.pid), dice, most=1)),
            Kind.POSTGRES_PAUSED: lambda: self._pause(_some(self._sessions(), dice)),
            Kind.REDIS_PAUSED: lambda: self._pause(children(self._services.supervisor("redis"))),
        }[fault.kind]
        return harm()

    def suits(self, fault: Fault) -> bool:
        """Say whether there is somebody to suffer a fault: programs may be on their way up."""
        match fault.kind:
            case Kind.WEB_PROCESS_KILLED | Kind.WEB_PAUSED:
                return bool(children(self._web.pid))
            case Kind.WEB_MASTER_KILLED:
                return self._web.pid is not None
            case Kind.WORKER_CHILD_KILLED | Kind.WORKER_PAUSED:
                return bool(children(self._worker.pid))
            case Kind.WORKER_KILLED:
                return self._worker.pid is not None
            case Kind.IMPORTER_KILLED:
                return (
                    bool(self._imports) and self._imports[0].status() is None and self._imports[0].starts > 0
                )
            case Kind.POSTGRES_SESSION_KILLED | Kind.POSTGRES_PAUSED:
                return bool(self._sessions())
            case Kind.POSTGRES_RESTARTED:
                return self._has_postmaster()
            case _:
                return bool(children(self._services.supervisor("redis")))

    def look_after(self) -> None:
        """Start again what has ended, half a second later; start the next import when one is through.

        Raises:
            ProgramFailed: an import was started again and again in vain.
        """
        for name, program in (("web", self._web), ("worker", self._worker)):
            if program.pid is None and self._is_time(name):
                if name == "worker":
                    self._worker.kill()  # what the killed parent left behind
                program.launch()
        if not self._imports:
            return
        importer = self._imports[0]
        if importer.starts == 0:
            importer.start()
        elif (status := importer.status()) == 0:
            if self._is_time("importer", _IMPORT_REST_SECONDS):
                self._imports.pop(0)
        elif status is not None and self._is_time("importer"):
            if importer.starts > _MOST_IMPORTS:
                raise ProgramFailed(f"import_orders ends with {status}:\n{importer.output()}")
            importer.start()

    def start_no_more_imports(self) -> None:
        """Let the import that runs be the last."""
        del self._imports[1:]
        self._imports[:] = [one for one in self._imports if one.starts]

    @property
    def are_importing(self) -> bool:
        return any(one.status() != 0 for one in self._imports)

    def wake(self) -> None:
        """Let everything go on that still sleeps."""
        for pid in self._paused:
            _signal(pid, signal.SIGCONT)
        self._paused.clear()

    def _is_time(self, name: str, seconds: float = _START_AGAIN_SECONDS) -> bool:
        since = self._ended_at.setdefault(name, time.monotonic())
        if time.monotonic() - since < seconds:
            return False
        del self._ended_at[name]
        return True

    def _kill_at_work(self, pid: int | None) -> None:
        """Kill a worker when there is something to deliver, or after a second."""
        until = time.monotonic() + _WORK_SECONDS
        with suppress(psycopg2.Error):
            while time.monotonic() < until and not self._services.statement(_SOME_MESSAGE):
                time.sleep(0.01)
        _kill(pid)

    def _kill_importer(self) -> None:
        self._imports[0].kill()

    def _stop_redis(self) -> Undo:
        supervisor = self._services.supervisor("redis")
        self._services.empty_redis()
        self._pause([supervisor])  # it would start Redis again at once
        for pid in children(supervisor):
            _kill(pid)
        return self.wake

    def _pause(self, pids: list[int]) -> Undo:
        self._paused.update(pids)
        for pid in pids:
            _signal(pid, signal.SIGSTOP)
        return self.wake

    def _sessions(self) -> list[int]:
        """The processes of PostgreSQL that serve clients."""
        with suppress(OSError):
            return [pid for pid in children(self._services.postmaster()) if "[local]" in _title(pid)]
        return []

    def _has_postmaster(self) -> bool:
        with suppress(OSError):
            os.kill(self._services.postmaster(), 0)
            return True
        return False


def _family(pid: int | None) -> list[int]:
    return [*([pid] if pid is not None else []), *children(pid)]


def _one(pids: list[int], dice: random.Random) -> int | None:
    return dice.choice(pids) if pids else None


def _some(pids: list[int], dice: random.Random, *, most: int = 1000) -> list[int]:
    return dice.sample(pids, dice.randint(1, min(most, len(pids)))) if pids else []


def _title(pid: int) -> str:
    with suppress(OSError):
        return (
            (Path("/proc") / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        )
    return ""


def _kill(pid: int | None) -> None:
    if pid is not None:
        _signal(pid, signal.SIGKILL)


def _signal(pid: int, what: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, what)
