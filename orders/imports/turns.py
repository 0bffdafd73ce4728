"""One run at a time for each orders file."""

import time
from collections.abc import Callable

from django.db import connection

_PAUSE_SECONDS = 0.3


class Turn:
    """A file's turn, held by this process's database connection and lost with it.

    It keeps a second run from doing the same work; that nothing is done twice does not depend on it.
    """

    def __init__(self, digest: str, *, waiting: Callable[[], None]) -> None:
        """`waiting` is called when another run has the turn."""
        self._key = int.from_bytes(bytes.fromhex(digest)[:8], signed=True)
        self._waiting = waiting

    def take(self) -> None:
        """Return when this connection has the turn."""
        told = False
        while not self._call("pg_try_advisory_lock"):
            if not told:
                self._waiting()
                told = True
            time.sleep(_PAUSE_SECONDS)

    def give_back(self) -> None:
        self._call("pg_advisory_unlock")

    def _call(self, function: str) -> bool:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {function}(%s)", [self._key])
            (answer,) = cursor.fetchone()
        return bool(answer)
