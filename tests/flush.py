"""Emptying the database after a test that committed.

Django's own flush truncates, which append-only tables refuse, and takes the seed rows of data migrations
with it. Here rows are deleted as a replica would (triggers and foreign keys asleep), and the rows that the
migrations left are put back.
"""

from django.db import connection

SEEDS = "test_seeds"


def keep_seeds() -> None:
    """Copy every row of the freshly migrated database aside."""
    with connection.cursor() as cursor:
        cursor.execute(f"DROP SCHEMA IF EXISTS {SEEDS} CASCADE; CREATE SCHEMA {SEEDS}")
        for table in _tables():
            cursor.execute(f'SELECT EXISTS (SELECT FROM "{table}")')
            if cursor.fetchone() == (True,):
                cursor.execute(f'CREATE TABLE {SEEDS}."{table}" AS TABLE "{table}"')


def empty_and_reseed() -> None:
    """Delete every row and put the kept ones back; a connection left open by a thread fails it in 5 s."""
    tables = _tables()
    statements = ["BEGIN", "SET LOCAL lock_timeout = '5s'", "SET LOCAL session_replication_role = replica"]
    statements += [f'DELETE FROM "{table}"' for table in tables]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name, string_agg(quote_ident(column_name), ', ' ORDER BY ordinal_position)"
            " FROM information_schema.columns"
            " WHERE table_schema = 'public' AND is_generated = 'NEVER'"
            " AND table_name IN (SELECT tablename FROM pg_tables WHERE schemaname = %s) GROUP BY 1",
            [SEEDS],
        )
        statements += [
            f'INSERT INTO "{table}" ({columns}) OVERRIDING SYSTEM VALUE'
            f' SELECT {columns} FROM {SEEDS}."{table}"'
            for table, columns in cursor.fetchall()
        ]
        cursor.execute("; ".join([*statements, "COMMIT"]))


def _tables() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'django_migrations'"
            " ORDER BY 1"
        )
        return [table for (table,) in cursor.fetchall()]
