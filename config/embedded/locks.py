"""File locks that end with their holder: `flock`, released by the kernel however the process dies."""

import fcntl
import os
import time
from pathlib import Path

POLL_SECONDS = 0.02


class FileLock:
    """One open lock file. Forked children share it; programs started by `exec` do not, unless passed on."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    @classmethod
    def inherited(cls, path: Path, descriptor: int) -> "FileLock":
        """Take over a lock that the parent process holds on `descriptor`."""
        lock = cls.__new__(cls)
        lock.path, lock._descriptor = path, descriptor
        os.set_inheritable(descriptor, False)
        return lock

    def fileno(self) -> int:
        return self._descriptor

    def try_shared(self) -> bool:
        return self._try(fcntl.LOCK_SH)

    def try_exclusive(self) -> bool:
        return self._try(fcntl.LOCK_EX)

    def exclusive_within(self, seconds: float) -> bool:
        """Wait up to `seconds` for the lock; False when somebody else kept it."""
        return self._within(seconds, fcntl.LOCK_EX)

    def shared_within(self, seconds: float) -> bool:
        """Wait up to `seconds` for a share of the lock; False when somebody else kept it whole."""
        return self._within(seconds, fcntl.LOCK_SH)

    def unlock(self) -> None:
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def close(self) -> None:
        """Let go. What was passed on to other processes keeps the lock until they end."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def write_owner(self, pid: int | None) -> None:
        """Leave the holder's process id in the file, for whoever wants to signal it."""
        os.ftruncate(self._descriptor, 0)
        if pid is not None:
            os.pwrite(self._descriptor, str(pid).encode(), 0)

    def owner(self) -> int | None:
        """The process id that the holder left, which is true only while the lock is held."""
        text = os.pread(self._descriptor, 32, 0).decode(errors="replace")
        return int(text) if text.isdigit() else None

    def _try(self, how: int) -> bool:
        try:
            fcntl.flock(self._descriptor, how | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _within(self, seconds: float, how: int) -> bool:
        deadline = time.monotonic() + seconds
        while not self._try(how):
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL_SECONDS)
        return True


def processes_holding(path: Path) -> list[int]:
    """The other processes that have `path` open, as far as /proc tells this user."""
    holding = []
    for folder in Path("/proc").glob("[0-9]*/fd"):
        pid = int(folder.parent.name)
        try:
            has_it_open = any(os.readlink(link) == str(path) for link in folder.iterdir())
        except OSError:  # the process ended, or is another user's
            continue
        if has_it_open and pid != os.getpid():
            holding.append(pid)
    return holding
