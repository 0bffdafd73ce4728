"""Web servers for benchmarks, with the settings that production has."""

import http.client
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bench.services import PROJECT, ProgramFailed, Services
from config.embedded.identity import Identity

_READY_SECONDS = 60
_END_SECONDS = 30


@contextmanager
def served(
    services: Services, *, name: str, app: str = "config.wsgi", variables: Mapping[str, str] | None = None
) -> Iterator[int]:
    """Serve a WSGI application with `config/gunicorn.py` on a free port of this machine, and yield the port.

    Raises:
        ProgramFailed: it does not answer in a minute.
    """
    log = services.data_dir / "logs" / f"{name}.log"
    metrics = services.data_dir / f"metrics-{name}"
    log.parent.mkdir(exist_ok=True)
    shutil.rmtree(metrics, ignore_errors=True)
    metrics.mkdir()
    environment = {**services.environment(), "PROMETHEUS_MULTIPROC_DIR": str(metrics), **(variables or {})}
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        port = listener.getsockname()[1]
        command = [sys.executable, "-m", "gunicorn", "-c", "python:config.gunicorn", "--log-level=warning"]
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*command, f"--bind=fd://{listener.fileno()}", app],
                cwd=PROJECT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=[listener.fileno()],
                preexec_fn=Identity().before_exec(signal.SIGTERM),
            )
        try:
            _wait_until_it_answers(port, process, log)
            yield port
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_until_it_answers(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    until = time.monotonic() + _READY_SECONDS
    while time.monotonic() < until and process.poll() is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/health")
            # What is no site of ours has no such page, and is up as well.
            if connection.getresponse().status in (200, 404):
                return
        except OSError:
            pass
        finally:
            connection.close()
        time.sleep(0.2)
    raise ProgramFailed(f"the web server does not answer:\n{log.read_text(errors='replace')}")
