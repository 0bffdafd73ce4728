"""A refusal names its trigger, as a constraint would be named, and may say what it guards."""

from django.db import migrations

REFUSAL = """
    CREATE OR REPLACE FUNCTION core_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION '% %: % refused', TG_TABLE_NAME, coalesce(TG_ARGV[0], 'is append-only'), TG_OP
            USING ERRCODE = 'restrict_violation', SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME,
                  CONSTRAINT = TG_NAME;
    END
    $$;
"""
AS_IT_WAS = """
    CREATE OR REPLACE FUNCTION core_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';
    END
    $$;
"""


class Migration(migrations.Migration):
    dependencies = [("core", "0002_outbox_failed")]

    operations = [migrations.RunSQL(REFUSAL, AS_IT_WAS)]
