"""Backups: the whole database in one file of pg_dump's custom format, and an empty one filled from it."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import connection, transaction
from django.db.migrations.loader import MigrationLoader

from core.postgres_programs import program, run
from core.progress import Display

_TABLES = """
SELECT count(*) FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE relkind IN ('r', 'p') AND nspname !~ '^pg_' AND nspname <> 'information_schema'
"""

# What an extension brought is not counted: it may be there before.
_OBJECTS = """
SELECT nspname, name FROM (
    SELECT relnamespace AS namespace, relname AS name, oid, 'pg_class'::regclass AS class FROM pg_class
    UNION ALL SELECT pronamespace, proname, oid, 'pg_proc'::regclass FROM pg_proc
    UNION ALL SELECT typnamespace, typname, oid, 'pg_type'::regclass FROM pg_type
) object
JOIN pg_namespace ON pg_namespace.oid = namespace
WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = class AND objid = object.oid AND deptype = 'e')
"""


class NotEmpty(Exception):
    """A database that something is in; nothing of it was touched."""


@contextmanager
def snapshot() -> Iterator[str]:
    """Hold one moment of the database for the block, which reads and dumps it; yields its name."""
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        cursor.execute("SELECT pg_export_snapshot()")
        yield cursor.fetchone()[0]


def dump(target: Path, *, moment: str, display: Display) -> int:
    """Write the database as of a `snapshot` to `target`, whole or not at all; return the file's bytes.

    The site goes on meanwhile. A table that a migration holds is waited for, a minute at most.

    Raises:
        ProgramFailed: there is no pg_dump for this server, or it failed.
        OSError: the file can't be written.
    """
    pg_dump = program("pg_dump")
    with connection.cursor() as cursor:
        cursor.execute(_TABLES)
        (tables,) = cursor.fetchone()
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)  # for its owner alone
    draft = Path(name)
    arguments = ["--format=custom", f"--file={draft}", f"--snapshot={moment}", "--lock-wait-timeout=60s"]
    try:
        with display.phase("Tables", total=tables, unit="tables") as advance_to:
            at_step = _counting("dumping contents of table", upto=tables, advance_to=advance_to)
            run(pg_dump, [*arguments, "--no-password", "--verbose"], at_step=at_step)
        os.fsync(descriptor)
        size = os.fstat(descriptor).st_size
        draft.replace(target)
        _sync_folder(target.parent)
    finally:
        os.close(descriptor)
        draft.unlink(missing_ok=True)
    return size


def refuse_unless_empty() -> None:
    """Raise NotEmpty where the database has a table, a function or a type of anybody's."""
    with connection.cursor() as cursor:
        cursor.execute(_OBJECTS)
        found = cursor.fetchall()
        cursor.execute("SELECT current_database()")
        database = cursor.fetchone()[0]
    if found:
        schema, name = found[0]
        raise NotEmpty(
            f"The database {database} is not empty: {schema}.{name} and {len(found) - 1} more objects. "
            "A backup is restored into an empty database, and never over another one."
        )


def load(source: Path, *, display: Display) -> None:
    """Fill the empty database from a backup, in one transaction: all of it, or it stays empty.

    Everything belongs to whoever loads it, and nobody else has a right to it.

    Raises:
        NotEmpty: something is in the database.
        ProgramFailed: there is no pg_restore for this server, or the file is none that it can use.
    """
    refuse_unless_empty()
    pg_restore = program("pg_restore")
    listed = run(pg_restore, ["--list", str(source)]).splitlines()
    entries = sum(bool(line) and not line.startswith(";") for line in listed)
    database = f"--dbname={connection.settings_dict['NAME']}"
    connection.close()  # it would only wait
    with display.phase("Tables, rows and indexes", total=entries, unit="entries") as advance_to:
        at_step = _counting(
            "creating ", "processing data ", "executing ", upto=entries, advance_to=advance_to
        )
        whole = ["--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges"]
        run(pg_restore, [database, *whole, "--no-password", "--verbose", str(source)], at_step=at_step)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")  # a dump has no statistics, and plans need them


def migrations_apart() -> tuple[list[str], list[str]]:
    """Return which migrations the database lacks, and which it has that this code does not know."""
    loader = MigrationLoader(connection)
    known, applied = set(loader.disk_migrations), set(loader.applied_migrations)
    replaced = {key for one in loader.replacements.values() for key in one.replaces}
    named = [
        sorted(f"{app}.{name}" for app, name in keys)
        for keys in (known - applied, applied - known - replaced)
    ]
    return named[0], named[1]


def _counting(*steps: str, upto: int, advance_to: Callable[[int], None]) -> Callable[[str], None]:
    done = 0

    def at_step(step: str) -> None:
        nonlocal done
        if step.startswith(steps):
            done = min(done + 1, upto)
            advance_to(done)

    return at_step


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
