"""The processes of `make run`: started, shown, started again, and ended with all that they started."""

import os
import signal
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path

from config.embedded.identity import Identity
from config.run.console import say

LOG_BYTES = 5 * 1024 * 1024
LONGEST_BACKOFF_SECONDS = 30.0
STEADY_SECONDS = 60.0  # who ran as long is not failing again and again
KILL_SECONDS = 5.0


class Child:
    """One program and its own children, in a session of their own: Ctrl-C reaches them through us alone."""

    def __init__(
        self,
        name: str,
        command: list[str],
        logs: Path,
        *,
        orphaned: signal.Signals,
        inherits: tuple[int, ...] = (),
    ) -> None:
        """Describe the program; nothing runs yet.

        Args:
            orphaned: the signal that the kernel sends the program when we are killed.
            inherits: file descriptors that it gets from us.
        """
        self.name = name
        self.command = command
        self.log = logs / f"{name}.log"
        self._orphaned = orphaned
        self._inherits = inherits
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: threading.Thread | None = None
        self._started_at = 0.0
        self._not_before = 0.0
        self._backoff = 1.0

    def start(self) -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self.log.exists() and self.log.stat().st_size > LOG_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))
        self._started_at = time.monotonic()
        self._process = subprocess.Popen(
            self.command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=self._inherits,
            preexec_fn=Identity().before_exec(self._orphaned),
        )
        self._reader = threading.Thread(target=self._show, args=[self._process], daemon=True)
        self._reader.start()

    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start_again_if_ended(self) -> None:
        """Bring an ended program back, sooner the longer it ran."""
        now = time.monotonic()
        if self._process is None:
            if now >= self._not_before:
                self.start()
            return
        if self._process.poll() is None:
            return
        if now - self._started_at > STEADY_SECONDS:
            self._backoff = 1.0
        say(f"ended with {self._process.returncode}, starts again in {self._backoff:.0f} s", of=self.name)
        self._reap()
        self._not_before = now + self._backoff
        self._backoff = min(self._backoff * 2, LONGEST_BACKOFF_SECONDS)

    def ask_to_end(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)

    def end(self, deadline: float) -> None:
        """Wait until `deadline` (monotonic seconds) for the program to end by itself, then kill it."""
        if self._process is None:
            return
        try:
            self._process.wait(max(deadline - time.monotonic(), 0))
        except subprocess.TimeoutExpired:
            say("is killed: it did not end in time", of=self.name)
        self._reap()

    def _reap(self) -> None:
        """Kill what is left of the program's session, and forget it."""
        process, self._process = self._process, None
        assert process is not None
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(KILL_SECONDS)
        if self._reader is not None:
            self._reader.join(KILL_SECONDS)

    def _show(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdout is not None
        with process.stdout, self.log.open("ab") as log:
            for line in process.stdout:
                log.write(line)
                log.flush()
                say(line.decode(errors="replace").rstrip(), of=self.name)
