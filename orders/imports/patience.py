"""Going on after PostgreSQL was away."""

import time
from collections.abc import Callable
from typing import TypeVar

from django.db import DatabaseError, InterfaceError, connection

from core.database.away import is_away

PATIENCE_SECONDS = 60.0
_PAUSE_SECONDS = 0.5

_Result = TypeVar("_Result")

# Class of https://www.postgresql.org/docs/current/errcodes-appendix.html: the transaction lost a race.
_LOST_RACE = "40"


class Patience:
    """Does work, a transaction of its own, again when the database was away in the middle of it."""

    def __init__(
        self,
        again: Callable[[], None],
        *,
        waiting: Callable[[str], None],
    ) -> None:
        """`again` restores what a new connection lacks; `waiting` is told when the database goes away."""
        self._again = again
        self._waiting = waiting

    def __call__(self, work: Callable[[], _Result]) -> _Result:
        """Do `work`, for a minute again and again while the error is one that passes.

        Raises:
            DatabaseError, InterfaceError: one that does not pass, or the last one.
        """
        until: float | None = None
        while True:
            try:
                if until is not None:
                    self._again()
                return work()
            except (DatabaseError, InterfaceError) as error:
                if not _passes(error):
                    raise
                now = time.monotonic()
                if until is None:
                    until = now + PATIENCE_SECONDS
                    self._waiting(str(error).strip().partition("\n")[0])
                elif now > until:
                    raise
                connection.close()
                time.sleep(_PAUSE_SECONDS)


def _passes(error: Exception) -> bool:
    code = getattr(error.__cause__, "pgcode", None) or ""
    return is_away(error) or code.startswith(_LOST_RACE)
