"""Statements that a connection plans once: for those sent so often that planning outweighs running."""

import hashlib
import itertools
import re
from collections.abc import Sequence
from typing import Any

from django.db import DEFAULT_DB_ALIAS, NotSupportedError, connections
from django.db.backends.utils import CursorWrapper

from core.database.base import DatabaseWrapper

_PLACEHOLDER = re.compile(r"%s(::\w+(?:\[\])?)?")


class Prepared:
    """A statement with `%s` for its values, which needs a cast where PostgreSQL cannot tell a value's type.

    For few values of a kind: a plan that is kept does not know how long an array will be.
    """

    def __init__(self, name: str, sql: str) -> None:
        numbers = itertools.count(1)
        self._body = _PLACEHOLDER.sub(lambda found: f"${next(numbers)}{found[1] or ''}", sql)
        # By its text, too: the same name never runs another statement.
        digest = hashlib.sha256(" ".join(self._body.split()).encode()).hexdigest()
        self._name = f"{name}_{digest[:8]}"
        values = ", ".join(f"%s{cast}" for cast in _PLACEHOLDER.findall(sql))
        self._call = f"EXECUTE {self._name} ({values})" if values else f"EXECUTE {self._name}"

    def execute(self, cursor: CursorWrapper, values: Sequence[Any] = ()) -> None:
        """Run it; the cursor has its rows."""
        session = _session()
        self._prepare(session)
        try:
            cursor.execute(self._call, values)
        except NotSupportedError:
            # A migration gave a column another type, which no kept plan survives.
            if session.in_atomic_block:
                session.close_at = 0.0  # when the request is over
                raise
            session.prepared.discard(self._name)
            cursor.execute(f"DEALLOCATE {self._name}")
            self._prepare(session)
            cursor.execute(self._call, values)

    def _prepare(self, session: DatabaseWrapper) -> None:
        if self._name in session.prepared:
            return
        session.ensure_connection()
        # By psycopg2's cursor: it is no statement of the request's, and belongs to none of its counts.
        with session.wrap_database_errors, session.connection.cursor() as cursor:
            cursor.execute(f"PREPARE {self._name} AS {self._body}")
        session.prepared.add(self._name)


def _session() -> DatabaseWrapper:
    session = connections[DEFAULT_DB_ALIAS]
    assert isinstance(session, DatabaseWrapper)
    return session
