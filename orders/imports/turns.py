"""One run at a time for each orders file."""

import time
from collections.abc import Callable
from contextlib import suppress

from django.db import DatabaseError, InterfaceError, connection

_PAUSE_SECONDS = 0.3


class Turn:
    """A file's turn, held by this process's database connection and lost with it.

    It keeps a second run from doing the same work; that nothing is done twice does not depend on it.
    """

    def __init__(self, digest: str, *, waiting: Callable[[], None]) -> None:
        """`waiting` is called when another run has the turn."""
        self._key = int.from_bytes(bytes.fromhex(digest)[:8], signed=True)
        self._waiting = waiting
        self._holder: object = None

    def take(self) -> None:
        """Return when this connection has the turn; a new connection has to take it anew."""
        if self._holder is not None and self._holder is connection.connection:
            return
        told = False
        while not self._call("pg_try_advisory_lock"):
            if not told:
                self._waiting()
                told = True
            time.sleep(_PAUSE_SECONDS)
        self._holder = connection.connection

    def give_back(self) -> None:
        """Let the next run begin; without a database the turn is lost anyway."""
        with suppress(DatabaseError, InterfaceError):
            self._call("pg_advisory_unlock")
        self._holder = None

    def _call(self, function: str) -> bool:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {function}(%s)", [self._key])
            (answer,) = cursor.fetchone()
        return bool(answer)
