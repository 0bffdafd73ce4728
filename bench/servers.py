"""`servers`: the load of `mixed` on web servers, with other numbers of processes and threads, in turns.

All of them wait while one is asked. What `config/gunicorn.py` has comes last, and is their yardstick.
"""

import os
import socket
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec

from bench.crowd import Crowd, gather
from bench.frame import Contender, Sample
from bench.mixed import CONNECTIONS, mixed_load
from bench.processes import cpu_seconds, megabytes, missing_figures
from bench.services import Services, Worker
from bench.web import Web, gunicorn, serving
from bench.wrk import missing_wrk

WARM_SECONDS = 2.0
SECONDS = 3.0
"""Short turns, for what else the machine does to hit all of them alike."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A way of serving; `needs` is the module that must be installed for it."""

    name: str
    command: Callable[[socket.socket], list[str]] = gunicorn
    variables: Mapping[str, str] = field(default_factory=dict)
    needs: str = "gunicorn"


def _gthread(processes: int, threads: int) -> Candidate:
    return Candidate(
        f"gunicorn gthread {processes} × {threads}",
        variables={"WEB_CONCURRENCY": str(processes), "WEB_THREADS": str(threads)},
    )


def _sync(processes: int) -> Candidate:
    return Candidate(
        f"gunicorn sync {processes}",
        lambda listener: gunicorn(listener, "config.wsgi", "--worker-class=sync", "--threads=1"),
        {"WEB_CONCURRENCY": str(processes)},
    )


def _granian(processes: int, threads: int) -> Candidate:
    def command(listener: socket.socket) -> list[str]:
        port = listener.getsockname()[1]
        listener.close()  # it takes no socket that is open
        return [
            *(sys.executable, "-m", "granian", "--interface=wsgi", "--http=1", "--no-ws"),
            *("--host=127.0.0.1", f"--port={port}", "--log-level=warning"),
            *(f"--workers={processes}", f"--blocking-threads={threads}", "config.wsgi:application"),
        ]

    return Candidate(f"granian {processes} × {threads}", command, needs="granian")


CANDIDATES = [
    *(_gthread(*size) for size in ((2, 1), (2, 2), (2, 3), (2, 8), (3, 1), (3, 2), (4, 1), (4, 2))),
    _sync(4),
    *(_granian(*size) for size in ((2, 1), (2, 2), (2, 4))),
    _gthread(2, 4),
]


class Servers:
    """Each for three seconds, then another; `CANDIDATES=a,b` keeps those whose names have one of these."""

    title = f"the mix of `mixed` on other servers, {CONNECTIONS} connections"
    unit = "requests/s"
    rounds = 6

    def unavailable(self) -> str | None:
        return missing_wrk() or missing_figures()

    @contextmanager
    def contenders(self, services: Services) -> Iterator[Sequence[Contender]]:
        wanted = os.environ.get("CANDIDATES", "").split(",")
        crowd = gather(services)
        worker = Worker(services, concurrency=2, beat=True)
        worker.start()
        try:
            with ExitStack() as stack:
                contenders = []
                for one in CANDIDATES:
                    if find_spec(one.needs) and any(part in one.name for part in wanted):
                        server = stack.enter_context(
                            serving(services, one.command, name=one.name, variables=one.variables)
                        )
                        mixed_load(services, server.port, crowd, WARM_SECONDS)
                        contenders.append(
                            Contender(one.name, lambda server=server: _measure(services, server, crowd))
                        )
                yield contenders
        finally:
            worker.stop()


def _measure(services: Services, server: Web, crowd: Crowd) -> Sample:
    before = cpu_seconds(server.pid)
    sample = mixed_load(services, server.port, crowd, SECONDS)
    cpu = (cpu_seconds(server.pid) - before) / (sample.value * SECONDS)
    return Sample(
        sample.value,
        {**sample.details, "web_mb": megabytes(server.pid), "web_cpu_ms_a_request": cpu * 1000},
    )
