"""`servers`: the load of `mixed` on web servers, with other numbers of processes and threads, in turns.

One runs at a time. What `config/gunicorn.py` has comes last: it is what the others are measured by.
"""

import os
import socket
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec

from bench.crowd import Crowd, gather
from bench.frame import Contender, Sample
from bench.mixed import CONNECTIONS, mixed_load
from bench.processes import megabytes, missing_figures
from bench.services import Services, Worker
from bench.web import gunicorn, serving
from bench.wrk import missing_wrk

WARM_SECONDS = 4.0
SECONDS = 8.0


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
    *(_gthread(*size) for size in ((2, 1), (2, 2), (2, 8), (3, 1), (3, 2), (4, 1), (4, 2), (4, 4))),
    *(_sync(processes) for processes in (4, 8)),
    *(_granian(*size) for size in ((2, 1), (2, 4), (4, 1))),
    _gthread(2, 4),
]


class Servers:
    """Eight seconds of the mix each; `CANDIDATES=a,b` keeps those whose names have one of these in them."""

    title = f"the mix of `mixed` on other servers, {CONNECTIONS} connections"
    unit = "requests/s"
    rounds = 3

    def unavailable(self) -> str | None:
        return missing_wrk() or missing_figures()

    @contextmanager
    def contenders(self, services: Services) -> Iterator[Sequence[Contender]]:
        wanted = os.environ.get("CANDIDATES", "").split(",")
        crowd = gather(services)
        worker = Worker(services, concurrency=2, beat=True)
        worker.start()
        try:
            yield [
                Contender(one.name, lambda one=one: _measure(services, one, crowd))
                for one in CANDIDATES
                if find_spec(one.needs) and any(part in one.name for part in wanted)
            ]
        finally:
            worker.stop()


def _measure(services: Services, candidate: Candidate, crowd: Crowd) -> Sample:
    with serving(services, candidate.command, name="candidate", variables=candidate.variables) as server:
        mixed_load(services, server.port, crowd, WARM_SECONDS)
        sample = mixed_load(services, server.port, crowd, SECONDS)
        return Sample(sample.value, {**sample.details, "web_mb": megabytes(server.pid)})
