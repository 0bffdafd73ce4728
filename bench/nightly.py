"""`nightly`: the jobs over everybody, on books of up to a million members, while members go on redeeming.

They work on a copy of the books, each once and in this order; the audit, which is last, finds them clean.
"""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from types import TracebackType

import psycopg2

from bench.books import books, wanted_members
from bench.frame import Contender, Sample
from bench.growth import FUNDED, REDEEM, REDEEM_BODY, SCRIPT, calls, offer_penny
from bench.services import PROJECT, ProgramFailed, Services
from bench.web import served
from bench.wrk import loading, missing_wrk

JOBS = (
    "mature",
    "expire",
    "expire vouchers",
    "preview a changed tier",
    "judge by the changed tier",
    "judge by the rolling year, first",
    "preview by the rolling year",
    "judge by the rolling year, nightly",
    "audit",
)
"""What `bench.nightly_job` knows."""
COPY = "nightly"
REST_MS = 40
"""Between two redemptions of a connection: the members that are there at night, and not a load."""
_LOOK_SECONDS = 0.02


class Nightly:
    """Members a second of every job; its longest transaction, its memory, and redemptions meanwhile."""

    unit = "members/s"
    rounds = 1

    @property
    def title(self) -> str:
        return f"{wanted_members():,} members, one process, two connections redeeming now and then"

    def unavailable(self) -> str | None:
        return missing_wrk()

    @contextmanager
    def contenders(self, services: Services) -> Iterator[Sequence[Contender]]:
        loaded = books(services, wanted_members())
        name = f"books_{wanted_members()}"
        url = loaded.replace(f"/{name}?", f"/{COPY}?")
        services.statement(f"DROP DATABASE IF EXISTS {COPY} WITH (FORCE)", maintenance=True)
        services.statement(f"CREATE DATABASE {COPY} TEMPLATE {name} STRATEGY FILE_COPY", maintenance=True)
        try:
            offer_penny(url)
            file = services.data_dir / "calls-nightly.txt"
            file.write_text("\n".join(calls(services, url, FUNDED, REDEEM)) + "\n")
            with served(services, name="nightly", variables={"DATABASE_URL": url}) as port:
                arguments = [str(file), "POST", REDEEM_BODY, str(REST_MS)]
                redeeming = partial(
                    loading, f"http://127.0.0.1:{port}{REDEEM}", SCRIPT, arguments, connections=2
                )
                nothing = Contender(
                    "with redemptions", partial(_measure, redeeming, _wait, url), part="nothing"
                )
                yield [
                    nothing,
                    *(
                        Contender(
                            "with redemptions",
                            partial(_measure, redeeming, partial(_run, services, url, job), url),
                            part=job,
                        )
                        for job in JOBS
                    ),
                ]
        finally:
            services.statement(f"DROP DATABASE {COPY} WITH (FORCE)", maintenance=True)


def _measure(
    redeeming: Callable[[], AbstractContextManager[Callable[[], Sample]]],
    work: Callable[[], dict[str, float]],
    url: str,
) -> Sample:
    with redeeming() as end, _Watch(url) as watch:
        done = work()
        meanwhile = end()
    details = {
        **done,
        "longest_transaction_s": round(watch.longest, 3),
        **{name: meanwhile.details[name] for name in ("p50_ms", "p95_ms", "p99_ms", "longest_ms")},
    }
    print("  " + ", ".join(f"{name} {value:g}" for name, value in details.items()), flush=True)
    return Sample(done["members"] / done["seconds"], details)


def _wait() -> dict[str, float]:
    time.sleep(10)
    return {"members": 0, "seconds": 10}


def _run(services: Services, url: str, job: str) -> dict[str, float]:
    ended = subprocess.run(
        [sys.executable, "-m", "bench.nightly_job", job],
        cwd=PROJECT,
        env=services.environment(url),
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode:
        raise ProgramFailed(f"{job} ended with {ended.returncode}:\n{ended.stdout}{ended.stderr}")
    found: dict[str, float] = json.loads(ended.stdout.strip().splitlines()[-1])
    return found


class _Watch:
    """Looks fifty times a second for the longest transaction that has written: so long it holds its locks."""

    def __init__(self, url: str) -> None:
        self.longest = 0.0
        self._url = url
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> "_Watch":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        session = psycopg2.connect(self._url)
        session.autocommit = True
        with session.cursor() as cursor:
            while not self._over.wait(_LOOK_SECONDS):
                cursor.execute(
                    """
                    SELECT coalesce(max(extract(epoch FROM clock_timestamp() - xact_start)), 0)::float8
                    FROM pg_stat_activity WHERE datname = current_database() AND backend_xid IS NOT NULL
                      AND backend_type = 'client backend'
                    """
                )
                (seconds,) = cursor.fetchone() or (0.0,)
                self.longest = max(self.longest, seconds)
        session.close()
