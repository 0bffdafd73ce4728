"""Starts everything, watches it, stops everything: `python -m config.run`, by `make run`."""

import errno
import os
import shutil
import signal
import socket
import sys
import time
import urllib.error
import urllib.request

from config.embedded import ServiceFailed, data_directory, embedded_names, provide, withdraw
from config.embedded.provide import keep
from config.run.children import Child
from config.run.console import say
from config.run.fakes import fake_firebase, fake_stream
from config.run.preparing import Credentials, prepare
from config.run.signals import StopRequested, StopSignals
from config.run.welcome import welcome

HOST = "127.0.0.1"  # the password is on the screen: nobody else's machine is let in
HEALTHY_SECONDS = 60
END_SECONDS = 15
LOOK_SECONDS = 0.2
KEEP_SECONDS = 5


def main() -> int:
    signals = StopSignals()
    try:
        listener = listen(os.environ.get("PORT") or "8000")
    except (OSError, ValueError) as error:
        say(str(error), error=True)
        return 1
    children: list[Child] = []
    try:
        # For trying: codes for phones, and messages to e-mails, go to the log.
        os.environ.setdefault("OTP_LOG_CODES", "1")
        with signals.obeyed_at_once():
            credentials = start_services()
        address = f"http://{HOST}:{listener.getsockname()[1]}"
        os.environ.setdefault("PUBLIC_URL", address)
        logs = data_directory() / "logs"
        children += programs(listener) + fake_firebase(logs) + fake_stream(logs, address)
        for child in children:
            child.start()
        wait_until_healthy(address, children[0], signals)
        say(welcome(address, credentials))
        watch(children, signals)
    except StopRequested:
        pass
    except ServiceFailed as failure:
        say(str(failure), error=True)
        return 1
    finally:
        stop(children, signals)
    return 0


def listen(port: str) -> socket.socket:
    """Take the port before anything starts, and keep it over restarts of the web server.

    Raises:
        ValueError: it is not a port's number.
        OSError: it is taken, in one line for people.
    """
    if not port.isdigit() or int(port) > 65535:
        raise ValueError(f"PORT must be a number up to 65535, not {port!r}.")
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, int(port)))
        listener.listen(1024)
    except OSError as error:
        listener.close()
        reason = "is in use" if error.errno == errno.EADDRINUSE else f"cannot be used ({error.strerror})"
        raise OSError(f"Port {port} {reason}: choose another, as in `make run PORT=8001`.") from error
    return listener


def start_services() -> Credentials:
    """PostgreSQL and Redis, where the environment names none, and what must be in them."""
    began = time.monotonic()
    provide(secret_key=True)
    names = " and ".join(embedded_names())
    say(f"Data in {data_directory()}; embedded: {names or 'nothing'}.")
    credentials = prepare(data_directory())
    metrics = data_directory() / "metrics"
    shutil.rmtree(metrics, ignore_errors=True)
    metrics.mkdir()
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(metrics)  # web and worker count together
    say(f"Ready to serve after {time.monotonic() - began:.1f} s.")
    return credentials


def programs(listener: socket.socket) -> list[Child]:
    """The web server first. Celery's worker is told to drop its task when we are killed: it comes again."""
    data, port = data_directory(), listener.fileno()
    logs = data / "logs"
    python = [sys.executable, "-W", "ignore:You're running the worker with superuser"]  # it is for trying
    web = [*python, "-m", "gunicorn", "-c", "python:config.gunicorn", f"--bind=fd://{port}"]
    web += ["--graceful-timeout=5", "--log-level=warning"]
    celery = [*python, "-m", "celery", "--quiet", "-A", "config"]
    worker = [
        *celery,
        "worker",
        "--loglevel=WARNING",
        "--concurrency=2",
        "--without-gossip",
        "--without-mingle",
    ]
    beat = [*celery, "beat", "--loglevel=WARNING", f"--schedule={data / 'beat-schedule'}", "--pidfile="]
    return [
        Child("web", web, logs, orphaned=signal.SIGTERM, inherits=(port,)),
        Child("worker", worker, logs, orphaned=signal.SIGQUIT),
        Child("beat", beat, logs, orphaned=signal.SIGTERM),
    ]


def wait_until_healthy(address: str, web: Child, signals: StopSignals) -> None:
    """Return when `/health` answers 200.

    Raises:
        ServiceFailed: the web server ended, or did not answer in a minute.
    """
    deadline = time.monotonic() + HEALTHY_SECONDS
    while time.monotonic() < deadline:
        if signals.requested:
            raise StopRequested
        if not web.is_running():
            raise ServiceFailed(f"The web server ended at its start; {web.log} says why.")
        try:
            with urllib.request.urlopen(f"{address}/health", timeout=2) as answer:  # noqa: S310
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(LOOK_SECONDS)
    raise ServiceFailed(f"The web server is not healthy after {HEALTHY_SECONDS} s; {web.log} may say why.")


def watch(children: list[Child], signals: StopSignals) -> None:
    """Keep everything running until a signal comes."""
    look_at_services = time.monotonic() + KEEP_SECONDS
    while not signals.requested:
        for child in children:
            child.start_again_if_ended()
        if time.monotonic() > look_at_services:
            with signals.obeyed_at_once():
                keep()
            look_at_services = time.monotonic() + KEEP_SECONDS
        time.sleep(LOOK_SECONDS)


def stop(children: list[Child], signals: StopSignals) -> None:
    """End the programs, then the services. A second Ctrl-C does not wait for what the programs are doing."""
    if children:
        say("Stopping …")
    for child in reversed(children):
        child.ask_to_end()
    deadline = time.monotonic() + END_SECONDS
    patience = signals.count + 1
    while any(child.is_running() for child in children) and time.monotonic() < deadline:
        if signals.count >= patience and signals.count > 1:
            deadline = time.monotonic()
        time.sleep(LOOK_SECONDS / 4)
    for child in children:
        child.end(deadline)
    withdraw()


if __name__ == "__main__":
    sys.exit(main())
