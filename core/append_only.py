"""What never changes: migration operations that put the refusing triggers on a table.

A refusal is SQLSTATE 23001 (restrict_violation) and names its trigger as the constraint. The operations need
core's migrations up to the one that defines `core_refuse_change` as they use it: the first for
`refuse_changes`, the second for the others.
"""

from collections.abc import Sequence

from django.db import connection, migrations

_APPEND_ONLY = "_append_only"


def refuse_changes(table: str) -> migrations.RunSQL:
    """Make the database refuse UPDATE, DELETE and TRUNCATE on `table`."""
    return migrations.RunSQL(
        sql=f"""
            CREATE TRIGGER {table}{_APPEND_ONLY} BEFORE UPDATE OR DELETE ON {table}
                FOR EACH ROW EXECUTE FUNCTION core_refuse_change();
            CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table}
                FOR EACH STATEMENT EXECUTE FUNCTION core_refuse_change();
        """,
        reverse_sql=f"""
            DROP TRIGGER {table}_no_truncate ON {table};
            DROP TRIGGER {table}{_APPEND_ONLY} ON {table};
        """,
    )


def refuse_removal(table: str) -> migrations.RunSQL:
    """Make the database refuse DELETE and TRUNCATE on `table`."""
    return migrations.RunSQL(
        sql=f"""
            CREATE TRIGGER {table}_kept BEFORE DELETE ON {table}
                FOR EACH ROW EXECUTE FUNCTION core_refuse_change('keeps its rows');
            CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table}
                FOR EACH STATEMENT EXECUTE FUNCTION core_refuse_change('keeps its rows');
        """,
        reverse_sql=f"""
            DROP TRIGGER {table}_no_truncate ON {table};
            DROP TRIGGER {table}_kept ON {table};
        """,
    )


def refuse_rewriting(table: str, columns: Sequence[str]) -> migrations.RunSQL:
    """Make the database refuse an UPDATE that names one of these columns; others don't even look at it."""
    return migrations.RunSQL(
        sql=f"""
            CREATE TRIGGER {table}_fixed BEFORE UPDATE OF {", ".join(columns)} ON {table}
                FOR EACH ROW EXECUTE FUNCTION core_refuse_change('keeps {", ".join(columns)}');
        """,
        reverse_sql=f"DROP TRIGGER {table}_fixed ON {table};",
    )


def append_only_tables() -> list[str]:
    """The tables of this database that `refuse_changes` has been applied to."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid"
            " WHERE tgname = relname || %s AND tgenabled <> 'D' ORDER BY relname",
            [_APPEND_ONLY],
        )
        return [table for (table,) in cursor.fetchall()]
