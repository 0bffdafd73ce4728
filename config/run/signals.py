"""Ctrl-C and SIGTERM: noticed everywhere, obeyed at once only where that leaves nothing half-done."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager


class StopRequested(BaseException):
    """Not an Exception, so that nobody takes it for a failure of their own."""


class StopSignals:
    """Remembers that somebody wants this process to stop."""

    def __init__(self) -> None:
        self.count = 0
        self._at_once = False
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._notice)

    @property
    def requested(self) -> bool:
        return self.count > 0

    @contextmanager
    def obeyed_at_once(self) -> Iterator[None]:
        """Raise StopRequested inside, wherever the block then is."""
        if self.requested:
            raise StopRequested
        self._at_once = True
        try:
            yield
        finally:
            self._at_once = False

    def _notice(self, *_: object) -> None:
        self.count += 1
        if self._at_once:
            self._at_once = False
            raise StopRequested
