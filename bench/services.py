"""Servers that are thrown away, databases that are fresh, and programs beside what is measured."""

import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg2
import redis

from config.embedded import data_directory, provide, withdraw
from config.embedded.identity import Identity

PROJECT = Path(__file__).resolve().parent.parent
_READY_SECONDS = 60
_END_SECONDS = 20


class ProgramFailed(Exception):
    """A program that a benchmark needs ended with an error; the message has its output."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A program that ended well: its output, and its time and CPU time in seconds."""

    output: str
    wall: float
    cpu: float


class Services:
    """An embedded PostgreSQL and Redis with a migrated database, under a data directory of their own."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.database_url = os.environ["DATABASE_URL"]
        self.redis_url = os.environ["REDIS_URL"]
        self._copies = 0

    def environment(self, database_url: str | None = None) -> dict[str, str]:
        """Return the environment of a program that uses these servers."""
        return {**os.environ, "DATABASE_URL": database_url or self.database_url}

    def manage(self, *arguments: str, database_url: str | None = None) -> Finished:
        """Run one of Django's commands.

        Raises:
            ProgramFailed: it ended with an error.
        """
        command = [sys.executable, "manage.py", *arguments]
        began, cpu_before = time.monotonic(), _children_cpu()
        ended = subprocess.run(
            command,
            cwd=PROJECT,
            env=self.environment(database_url),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if ended.returncode:
            raise ProgramFailed(f"{' '.join(command)} ended with {ended.returncode}:\n{ended.stdout}")
        return Finished(ended.stdout, time.monotonic() - began, _children_cpu() - cpu_before)

    @contextmanager
    def fresh_database(self) -> Iterator[str]:
        """Make a copy of the migrated database, empty the broker, and yield the copy's address."""
        self._copies += 1
        name = f"copy_{self._copies}"
        original = psycopg2.extensions.parse_dsn(self.database_url)["dbname"]
        self.statement(f'CREATE DATABASE {name} TEMPLATE "{original}"', maintenance=True)
        self.empty_redis()
        try:
            yield self.database_url.replace(f"/{original}?", f"/{name}?")
        finally:
            self.statement(f"DROP DATABASE {name} WITH (FORCE)", maintenance=True)

    def statement(self, sql: str, *, maintenance: bool = False) -> list[tuple[object, ...]]:
        """Run one statement outside of a transaction, on the migrated database or beside all databases."""
        dsn = self.database_url
        connection = psycopg2.connect(dsn, dbname="postgres") if maintenance else psycopg2.connect(dsn)
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(sql)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def empty_redis(self) -> None:
        client = redis.Redis.from_url(self.redis_url)
        client.flushall()
        client.close()

    def postmaster(self) -> int:
        """The first process of PostgreSQL, whose end its supervisor makes good at once.

        Raises:
            OSError: it is just being started.
        """
        return int((self.data_dir / "postgres" / "data" / "postmaster.pid").read_text().split()[0])

    def supervisor(self, server: str) -> int:
        """The process that starts `postgres` or `redis` again when it has ended."""
        return int((self.data_dir / server / "supervisor.lock").read_text())

    def versions(self) -> dict[str, str]:
        """Name the database's version and what makes its commits durable."""
        names = ("server_version", "fsync", "synchronous_commit", "shared_buffers")
        settings = ((name, self.statement(f"SHOW {name}")[0][0]) for name in names)
        return {name.replace("server_version", "postgresql"): str(value) for name, value in settings}


@contextmanager
def scratch_services(name: str) -> Iterator[Services]:
    """Start servers of their own, durable ones, and throw them away afterwards; BENCH_DIR keeps them.

    Raises:
        ServiceFailed: a server did not start.
    """
    home = data_directory() / "bench"
    home.mkdir(parents=True, exist_ok=True)
    for variable in ("DATABASE_URL", "REDIS_URL"):
        os.environ.pop(variable, None)
    kept = os.environ.get("BENCH_DIR")
    if kept:
        Path(kept).mkdir(parents=True, exist_ok=True)
    with nullcontext(kept) if kept else tempfile.TemporaryDirectory(prefix=f"{name}-", dir=home) as folder:
        provide(Path(folder), durable=True, secret_key=True)
        try:
            services = Services(Path(folder))
            services.manage("migrate", "-v0")
            yield services
        finally:
            withdraw()


class Worker:
    """A Celery worker with its children, which can be killed as a whole."""

    def __init__(
        self,
        services: Services,
        *,
        concurrency: int,
        database_url: str | None = None,
        beat: bool = False,
        options: Sequence[str] = (),
    ) -> None:
        self._log = services.data_dir / "logs" / "worker.log"
        self._environment = services.environment(database_url)
        self._command = [sys.executable, "-m", "celery", "-A", "config", "worker", "--loglevel=INFO"]
        self._command += [f"--concurrency={concurrency}", "--without-gossip", "--without-mingle", *options]
        if beat:
            self._command += ["--beat", f"--schedule={services.data_dir / 'beat-schedule'}"]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Its first process, None while it is not running; the others are children of that one."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def launch(self) -> None:
        """Start it, without waiting; call it from a thread that lives on, for it ends with that thread."""
        self._log.unlink(missing_ok=True)
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=PROJECT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=Identity().before_exec(signal.SIGQUIT),
            )

    def start(self) -> None:
        """Return when it takes tasks.

        Raises:
            ProgramFailed: it does not in a minute.
        """
        self.launch()
        deadline = time.monotonic() + _READY_SECONDS
        while " ready." not in self._log.read_text(errors="replace"):
            if self.pid is None or time.monotonic() > deadline:
                raise ProgramFailed(f"the worker does not start:\n{self._log.read_text(errors='replace')}")
            time.sleep(0.05)

    def kill(self) -> None:
        """Send SIGKILL to it and its children."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(_END_SECONDS)
            self._process = None

    def stop(self) -> None:
        """Let it finish what it does."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_END_SECONDS)
            self.kill()


class Import:
    """`manage.py import_orders`, which may be killed and started again until it is through."""

    def __init__(self, services: Services, *files: str) -> None:
        self._services = services
        self._files = files
        self._log = services.data_dir / "logs" / "import.log"
        self._process: subprocess.Popen[bytes] | None = None
        self.starts = 0

    def start(self) -> None:
        self.starts += 1
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "manage.py", "import_orders", *self._files],
                cwd=PROJECT,
                env=self._services.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=Identity().before_exec(signal.SIGKILL),
            )

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def kill_and_start_again(self) -> None:
        self.kill()
        self.start()

    def status(self) -> int | None:
        """The exit status, or None while it runs."""
        return self._process.poll() if self._process else None

    def output(self) -> str:
        return self._log.read_text(errors="replace")


def _children_cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
