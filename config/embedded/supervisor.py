"""The process that runs one embedded server for as long as somebody uses it.

The first user starts it as `python -m config.embedded.supervisor NAME DATA_DIR LOCK_DESCRIPTOR [--volatile]`
and passes it the supervisor's lock; so there is never a second one.
"""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from config.embedded.identity import identity_for
from config.embedded.locks import FileLock, processes_holding
from config.embedded.postgres import PostgreSQL
from config.embedded.redis import Redis
from config.embedded.server import Server

SERVERS: dict[str, type[Server]] = {kind.name: kind for kind in (PostgreSQL, Redis)}

LINGER_SECONDS = 1.5  # one command after another need not start the server again
POLL_SECONDS = 0.1
LEFT_BEHIND_SECONDS = 10  # for the processes of a killed server to end by themselves
READY_SECONDS = 300  # a crashed PostgreSQL replays its log first
STOP_SECONDS = 60
RESTART_SECONDS = 0.3
STARTS_IN_VAIN = 3


class Supervisor:
    """Starts the server, starts it again when it dies, and stops it after its last user."""

    def __init__(self, server: Server, lock: FileLock) -> None:
        self.server = server
        self.lock = lock
        self.users = FileLock(server.home / "users.lock")
        self.process: subprocess.Popen[bytes] | None = None
        self.hurry = False
        self.idle_since: float | None = None

    def run(self) -> None:
        signal.signal(signal.SIGTERM, self._on_hurry)
        for ignored in (signal.SIGINT, signal.SIGHUP):
            signal.signal(ignored, signal.SIG_IGN)
        self.lock.write_owner(os.getpid())  # not before a SIGTERM means no more than hurry
        in_vain = 0
        while in_vain < STARTS_IN_VAIN:
            self.process = self._start()
            in_vain = 0 if self._wait_until_ready() else in_vain + 1
            while self.process.poll() is None:
                if self._nobody_left():
                    self._stop()
                    return
                time.sleep(POLL_SECONDS)
            self._say(f"it ended with {self.process.returncode}")
            time.sleep(RESTART_SECONDS)
        sys.exit(f"{self.server.title} does not start")

    def _start(self) -> "subprocess.Popen[bytes]":
        server = self.server
        # Each server inherits the lock, and so do its own children: it is free when the last of them is gone,
        # whatever process ids and files they left.
        alive = FileLock(server.home / "server.lock")
        self._wait_for_the_end_of_others(alive)
        identity = identity_for(server.home, refuses_root=server.refuses_root)
        identity.own(server.home)
        server.make_socket_folder(identity)
        server.prepare(identity)
        process = subprocess.Popen(
            server.command(),
            stdin=subprocess.DEVNULL,
            cwd=server.home,
            pass_fds=[alive.fileno()],
            preexec_fn=identity.before_exec(server.stop_signal),
        )
        alive.close()
        return process

    def _wait_for_the_end_of_others(self, alive: FileLock) -> None:
        if alive.exclusive_within(LEFT_BEHIND_SECONDS):
            return
        for pid in processes_holding(alive.path):
            self._say(f"ending process {pid}, left by an earlier server")
            os.kill(pid, signal.SIGKILL)
        if not alive.exclusive_within(LEFT_BEHIND_SECONDS):
            sys.exit(f"an earlier {self.server.title} still runs in {self.server.home}")

    def _wait_until_ready(self) -> bool:
        assert self.process is not None
        deadline = time.monotonic() + READY_SECONDS
        while self.process.poll() is None and time.monotonic() < deadline:
            if self.server.finish() or self._nobody_left():
                return True
            time.sleep(POLL_SECONDS / 4)
        return False

    def _nobody_left(self) -> bool:
        """Whether the last user is gone for good; then the lock is kept, and new users wait for our end."""
        if not self.users.try_exclusive():
            self.idle_since = None
            return False
        now = time.monotonic()
        self.idle_since = self.idle_since or now
        if self.hurry or now - self.idle_since >= LINGER_SECONDS:
            return True
        self.users.unlock()
        return False

    def _stop(self) -> None:
        assert self.process is not None
        for how in (self.server.stop_signal, self.server.kill_signal, signal.SIGKILL):
            self.process.send_signal(how)
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._say(f"it did not end by {how.name}")
            else:
                break
        if self.server.socket_folder != self.server.home:
            with suppress(OSError):
                self.server.socket_folder.rmdir()

    def _on_hurry(self, *_: object) -> None:
        self.hurry = True

    def _say(self, what: str) -> None:
        print(f"{time.strftime('%F %T')} supervisor of {self.server.title}: {what}", flush=True)


def main(arguments: list[str]) -> None:
    name, data_dir, descriptor = arguments[:3]
    server = SERVERS[name](Path(data_dir), durable="--volatile" not in arguments)
    # The user waits for the end of this parent; the child belongs to nobody's session and is reaped by init.
    if os.fork():
        os._exit(0)
    os.setsid()
    lock = FileLock.inherited(server.home / "supervisor.lock", int(descriptor))
    try:
        Supervisor(server, lock).run()
    except (OSError, subprocess.SubprocessError) as error:  # one line: users quote the log
        program = Path(error.cmd[0]).name if isinstance(error, subprocess.CalledProcessError) else ""
        sys.exit(f"{program} ended with an error" if program else str(error))


if __name__ == "__main__":
    main(sys.argv[1:])
