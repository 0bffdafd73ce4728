"""Using an embedded server: hold its users' lock, and have it started where it does not run."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from config.embedded.locks import FileLock
from config.embedded.server import Server

START_SECONDS = 120
STOP_SECONDS = 90
POLL_SECONDS = 0.03
LOG_BYTES = 5 * 1024 * 1024
PROJECT = Path(__file__).resolve().parent.parent.parent


class ServiceFailed(Exception):
    """An embedded server could not be had; the message is one line for people."""


class Use:
    """This process's use of one server, from `start` to `end` or the process's own end."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._share: FileLock | None = None

    def start(self) -> None:
        """Return when the server accepts clients, and goes on doing so for as long as it is used.

        Raises:
            ServiceFailed: it did not within two minutes, or its files cannot be used.
        """
        server = self.server
        try:
            server.make_folders()
            share = FileLock(server.home / "users.lock")
        except OSError as error:
            raise ServiceFailed(f"{server.title} cannot use {server.home}: {error}") from error
        self._share = share
        try:
            if not share.shared_within(STOP_SECONDS):
                raise ServiceFailed(f"{server.title} in {server.home} does not finish stopping.")
            self._wait_until_accepting()
        except BaseException:  # a signal, too, must leave nothing running
            self.end()
            raise

    def keep(self) -> None:
        """Have the server started again where it is not running, its supervisor killed."""
        self._wait_until_accepting()

    def end(self) -> None:
        """Stop using the server, and if nobody else uses it, return when its last process is gone."""
        if self._share is None:
            return
        self._share.close()
        self._share = None
        users = FileLock(self.server.home / "users.lock")
        supervisor = FileLock(self.server.home / "supervisor.lock")
        deadline = time.monotonic() + STOP_SECONDS
        try:
            while not supervisor.try_exclusive() and time.monotonic() < deadline:
                if users.try_shared() and not users.try_exclusive():
                    return  # others use it too
                users.unlock()
                if (owner := supervisor.owner()) is not None:
                    os.kill(owner, signal.SIGTERM)  # no lingering
                time.sleep(POLL_SECONDS)
        except (ProcessLookupError, PermissionError):
            return
        finally:
            users.close()
            supervisor.close()

    def _wait_until_accepting(self) -> None:
        server = self.server
        has_started_one = False
        supervisor = FileLock(server.home / "supervisor.lock")
        deadline = time.monotonic() + START_SECONDS
        try:
            while not server.accepts():
                if supervisor.try_exclusive():  # nobody is at it
                    if has_started_one:
                        raise ServiceFailed(f"{server.title} did not start: {self._last_words()}")
                    self._start_supervisor(supervisor)
                    has_started_one = True
                    supervisor.close()
                    supervisor = FileLock(server.home / "supervisor.lock")
                elif time.monotonic() > deadline:
                    raise ServiceFailed(
                        f"{server.title} is not ready after {START_SECONDS} s: {self._last_words()}"
                    )
                time.sleep(POLL_SECONDS)
        finally:
            supervisor.close()

    def _start_supervisor(self, lock: FileLock) -> None:
        server = self.server
        lock.write_owner(None)
        if server.log.exists() and server.log.stat().st_size > LOG_BYTES:
            server.log.replace(server.log.with_suffix(".log.1"))
        command = [sys.executable, "-m", "config.embedded.supervisor", server.name, str(server.data_dir)]
        command += [str(lock.fileno()), *([] if server.durable else ["--volatile"])]
        with server.log.open("ab") as log:
            subprocess.run(
                command,
                cwd=PROJECT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[lock.fileno()],
                start_new_session=True,
                check=False,
            )

    def _last_words(self) -> str:
        try:
            lines = self.server.log.read_text(errors="replace").splitlines()
        except OSError:
            lines = []
        return " | ".join(line.strip() for line in lines[-3:] if line.strip()) + f" ({self.server.log})"
