"""What `DATABASES` calls the engine `core.database`."""

import select
import time
from typing import Any

from django.db.backends.postgresql import base

_FRESH_SECONDS = 5.0


class DatabaseWrapper(base.DatabaseWrapper):
    """PostgreSQL as Django has it, but that a connection in steady use is not asked `SELECT 1` each time.

    A server that stops or restarts closes its connections, and a closed connection can be read from, while an
    idle one has nothing to say. Only what closes nothing (a firewall that forgets, a machine that is gone)
    needs a question to be noticed, which a connection gets that has rested for 5 s or seen an error.
    """

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._fresh_until = 0.0
        self.prepared: set[str] = set()
        """Names of the statements that this connection has planned (`core.database.prepared`)."""

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        self.prepared = set()
        return super().get_new_connection(conn_params)

    def is_usable(self) -> bool:
        now = time.monotonic()
        is_fresh, self._fresh_until = now < self._fresh_until, now + _FRESH_SECONDS
        if is_fresh and not self.errors_occurred and self.connection is not None and not self._is_readable():
            return True
        return super().is_usable()

    def _is_readable(self) -> bool:
        if self.connection.closed:
            return True
        poll = select.poll()
        poll.register(self.connection.fileno(), select.POLLIN)
        return bool(poll.poll(0))
