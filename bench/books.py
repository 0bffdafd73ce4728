"""Books of up to a million members, made by a few large statements.

`load_books` fills an empty, migrated database (`books.sql`). The loaded tables' indices and references are
taken off before and made again after, so that PostgreSQL checks every key itself; the books are then audited
like any others.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2.extensions import cursor as Cursor
from psycopg2.extensions import quote_ident

from bench.services import Services

TABLES = (
    "users",
    "orders",
    "order_items",
    "order_returns",
    "user_vouchers",
    "points_transactions",
    "point_lots",
    "lot_allocations",
    "user_points",
    "tier_changes",
)
ACTIVITY = 5.2
"""Scales how much members do: about 20 ledger lines each."""
SIZES = {"small": 100_000, "full": 1_000_000}
"""Members by the word that GROWTH may say."""
ZONE = "Africa/Johannesburg"
_STEPS = Path(__file__).with_suffix(".sql")
_COMMENT = "-- step: "

Say = Callable[[str], None]


def wanted_members() -> int:
    """Return how many members GROWTH asks for: `small` (as without it), `full`, or a number."""
    asked = os.environ.get("GROWTH") or "small"
    return SIZES.get(asked) or int(asked)


def books(services: Services, members: int) -> str:
    """Return the address of a database that has the audited books of `members`; it is made unless it is kept.

    Raises:
        ProgramFailed: the books are not clean.
    """
    name = f"books_{members}"
    original = psycopg2.extensions.parse_dsn(services.database_url)["dbname"]
    url = services.database_url.replace(f"/{original}?", f"/{name}?")
    audited = f"datname = '{name}' AND shobj_description(oid, 'pg_database') = 'audited'"
    if services.statement(f"SELECT 1 FROM pg_database WHERE {audited}"):
        services.manage("migrate", "-v0", database_url=url)
        return url
    services.statement(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)", maintenance=True)
    services.statement(f'CREATE DATABASE {name} TEMPLATE "{original}"', maintenance=True)

    def say(progress: str) -> None:
        print(f"  {members:,} members: {progress}", flush=True)

    load_books(url, members=members, say=say)
    say(services.manage("audit_ledger", database_url=url).output.replace("\n", " "))
    services.statement(f"COMMENT ON DATABASE {name} IS 'audited'", maintenance=True)
    return url


def load_books(database_url: str, *, members: int, say: Say) -> None:
    """Fill an empty database with the books of `members`, as they are this hour, and say how it goes."""
    session = psycopg2.connect(database_url)
    session.autocommit = True
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    values = {"members": members, "now": now, "activity": ACTIVITY, "zone": ZONE}
    try:
        with session.cursor() as cursor:
            # For this session's sorts, hashes and indices alone.
            cursor.execute("SET work_mem = '512MB'; SET maintenance_work_mem = '1GB'; SET timezone = 'UTC'")
            # No row's trigger runs: what they would write or check is loaded, or checked by the audit.
            cursor.execute("SET session_replication_role = replica; CREATE SCHEMA loading")
            with _bare_tables(cursor, say):
                for title, statement in _steps():
                    _timed(title, lambda statement=statement: cursor.execute(statement, values), say)
                    if title.startswith("members"):
                        cursor.execute("ANALYZE users")
                    if "loading." in statement and statement.startswith("CREATE"):
                        cursor.execute(f"ANALYZE {statement.split()[3]}")
            cursor.execute("DROP SCHEMA loading CASCADE")
            _continue_identities(cursor)
            _timed("VACUUM (ANALYZE)", lambda: cursor.execute("VACUUM (ANALYZE)"), say)
            cursor.execute("CHECKPOINT")
    finally:
        session.close()


def _steps() -> list[tuple[str, str]]:
    _, *steps = _STEPS.read_text().split(_COMMENT)
    return [(title, statement.strip()) for title, _, statement in (step.partition("\n") for step in steps)]


def _timed(title: str, work: Callable[[], Any], say: Say) -> None:
    began = time.monotonic()
    work()
    say(f"{title}: {time.monotonic() - began:.1f} s")


@contextmanager
def _bare_tables(cursor: Cursor, say: Say) -> Iterator[None]:
    """Take the tables' keys, indices and references off, and put them back."""
    # What refers to a key goes before it, and comes after it.
    references = _definitions(
        cursor,
        """
        SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE contype = 'f' AND (conrelid = ANY(%s::regclass[]) OR confrelid = ANY(%s::regclass[]))
        ORDER BY 1, 2
        """,
        2,
    )
    keys = _definitions(
        cursor,
        """
        SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE contype IN ('p', 'u') AND conrelid = ANY(%s::regclass[]) ORDER BY 1, 2
        """,
    )
    for table, name, _ in [*references, *keys]:
        cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {quote_ident(name, cursor)}")
    indices = _definitions(
        cursor,
        """
        SELECT indrelid::regclass::text, indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index
        WHERE indrelid = ANY(%s::regclass[]) ORDER BY 1, 2
        """,
    )
    for _, name, _ in indices:
        cursor.execute(f"DROP INDEX {name}")
    yield
    for table in TABLES:
        made_again = [
            f"ALTER TABLE {name} ADD CONSTRAINT {quote_ident(key, cursor)} {definition}"
            for name, key, definition in keys
            if name == table
        ]
        made_again += [definition for name, _, definition in indices if name == table]
        _timed(f"indices of {table}", lambda made_again=made_again: _all(cursor, made_again), say)
    made_again = [
        f"ALTER TABLE {table} ADD CONSTRAINT {quote_ident(name, cursor)} {definition}"
        for table, name, definition in references
    ]
    _timed("references", lambda: _all(cursor, made_again), say)


def _definitions(cursor: Cursor, query: str, times: int = 1) -> list[tuple[str, str, str]]:
    cursor.execute(query, [list(TABLES)] * times)
    return cursor.fetchall()


def _all(cursor: Cursor, statements: Sequence[str]) -> None:
    for statement in statements:
        cursor.execute(statement)


def _continue_identities(cursor: Cursor) -> None:
    for table in (*TABLES, "products"):
        cursor.execute("SELECT pg_get_serial_sequence(%s, 'id')", [table])
        (sequence,) = cursor.fetchone() or (None,)
        if sequence:
            cursor.execute(f"SELECT setval(%s, (SELECT max(id) FROM {table}))", [sequence])
