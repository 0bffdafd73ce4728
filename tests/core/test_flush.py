"""The test runner's own clean-up, which every test that commits relies on."""

import pytest
from django.db import connection

from core import audit
from core.contracts import SYSTEM
from tests.flush import SEEDS, empty_and_reseed


def rows(query):
    with connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


@pytest.mark.django_db(transaction=True)
def test_the_seed_rows_come_back_and_everything_else_goes():
    seeded = [table for (table,) in rows(f"SELECT tablename FROM pg_tables WHERE schemaname = '{SEEDS}'")]
    assert "loyalty_tiers" in seeded
    kept = {table: rows(f'SELECT * FROM {SEEDS}."{table}" ORDER BY 1') for table in seeded}
    audit.record(actor=SYSTEM, action="a", target="t", before={}, after={})
    rows("UPDATE loyalty_tiers SET min_points = min_points + 7 RETURNING id")
    empty_and_reseed()
    assert rows("SELECT count(*) FROM core_auditentry") == [(0,)]
    assert {table: rows(f'SELECT * FROM "{table}" ORDER BY 1') for table in seeded} == kept


@pytest.mark.django_db(transaction=True)
def test_triggers_are_awake_again_after_the_clean_up():
    empty_and_reseed()
    assert rows("SHOW session_replication_role") == [("origin",)]
