"""Tables that only grow: a migration operation that puts the refusing triggers on one."""

from django.db import migrations


def refuse_changes(table: str) -> migrations.RunSQL:
    """Make the database refuse UPDATE, DELETE and TRUNCATE on `table` (needs core's first migration)."""
    return migrations.RunSQL(
        sql=f"""
            CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table}
                FOR EACH ROW EXECUTE FUNCTION core_refuse_change();
            CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table}
                FOR EACH STATEMENT EXECUTE FUNCTION core_refuse_change();
        """,
        reverse_sql=f"""
            DROP TRIGGER {table}_no_truncate ON {table};
            DROP TRIGGER {table}_append_only ON {table};
        """,
    )
