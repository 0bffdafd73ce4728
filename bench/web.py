"""Web servers for benchmarks, with the settings that production has."""

import http.client
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from bench.services import PROJECT, ProgramFailed, Services
from config.embedded.identity import Identity

_READY_SECONDS = 60
_END_SECONDS = 30


def gunicorn(listener: socket.socket, app: str = "config.wsgi", *options: str) -> list[str]:
    """Return the command that serves a WSGI application on a socket, with `config/gunicorn.py`."""
    command = [sys.executable, "-m", "gunicorn", "-c", "python:config.gunicorn", "--log-level=warning"]
    return [*command, f"--bind=fd://{listener.fileno()}", *options, app]


class Web:
    """A web server; its port is ours, and stays taken however its processes end.

    `command` is given the socket; it may close it, and let the server take the port by itself.
    """

    def __init__(
        self,
        services: Services,
        command: Callable[[socket.socket], list[str]] = gunicorn,
        *,
        name: str,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self._log = services.data_dir / "logs" / f"{name}.log"
        metrics = services.data_dir / f"metrics-{name}"
        self._log.parent.mkdir(exist_ok=True)
        shutil.rmtree(metrics, ignore_errors=True)
        metrics.mkdir()
        self._environment = {
            **services.environment(),
            "PROMETHEUS_MULTIPROC_DIR": str(metrics),
            **(variables or {}),
        }
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(64)
        self.port: int = self._listener.getsockname()[1]
        self._command = command(self._listener)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Its first process, None while it is not running; the others are children of that one."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def launch(self) -> None:
        """Start it, without waiting; call it from a thread that lives on, for it ends with that thread."""
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                self._command,
                cwd=PROJECT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=[self._listener.fileno()] if self._listener.fileno() >= 0 else [],
                preexec_fn=Identity().before_exec(signal.SIGTERM),
            )

    def start(self) -> None:
        """Return when it answers.

        Raises:
            ProgramFailed: it does not in a minute.
        """
        self.launch()
        until = time.monotonic() + _READY_SECONDS
        while time.monotonic() < until and self.pid is not None:
            if _answers(self.port):
                return
            time.sleep(0.2)
        raise ProgramFailed(f"the web server does not answer:\n{self._log.read_text(errors='replace')}")

    def stop(self) -> None:
        """Let it finish what it does, and give the port back."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._listener.close()


@contextmanager
def serving(
    services: Services,
    command: Callable[[socket.socket], list[str]] = gunicorn,
    *,
    name: str,
    variables: Mapping[str, str] | None = None,
) -> Iterator[Web]:
    """Run a web server for a while; see `Web`.

    Raises:
        ProgramFailed: it does not answer in a minute.
    """
    web = Web(services, command, name=name, variables=variables)
    try:
        web.start()
        yield web
    finally:
        web.stop()


@contextmanager
def served(
    services: Services, *, name: str, app: str = "config.wsgi", variables: Mapping[str, str] | None = None
) -> Iterator[int]:
    """Serve a WSGI application with `config/gunicorn.py` on a free port of this machine, and yield the port.

    Raises:
        ProgramFailed: it does not answer in a minute.
    """
    command = lambda listener: gunicorn(listener, app)  # noqa: E731
    with serving(services, command, name=name, variables=variables) as web:
        yield web.port


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/health")
        # What is no site of ours has no such page, and is up as well.
        return connection.getresponse().status in (200, 404)
    except OSError:
        return False
    finally:
        connection.close()
