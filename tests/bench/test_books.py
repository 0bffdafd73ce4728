"""The books that growth and the nightly jobs are measured with."""

import os
import subprocess
import sys
from collections.abc import Iterator

import psycopg2
import pytest
from django.db import connection

from bench.books import load_books
from bench.services import PROJECT

pytestmark = pytest.mark.django_db(transaction=True)

SHAPE = """
    SELECT conrelid::regclass::text || ' ' || conname || ' ' || convalidated FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace
    UNION ALL SELECT tablename || ' ' || indexname FROM pg_indexes WHERE schemaname = 'public'
    UNION ALL SELECT tgrelid::regclass::text || ' ' || tgname || ' ' || tgenabled::text FROM pg_trigger
    WHERE NOT tgisinternal
    ORDER BY 1
"""


def rows(url: str, sql: str) -> list[tuple[object, ...]]:
    session = psycopg2.connect(url)
    try:
        session.autocommit = True
        with session.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall() if cursor.description else []
    finally:
        session.close()


@pytest.fixture
def empty_database() -> Iterator[str]:
    """The address of a copy of the tests' database, which is nobody else's."""
    name, copy = connection.settings_dict["NAME"], f"{connection.settings_dict['NAME']}_books"
    connection.close()
    original = os.environ["DATABASE_URL"]
    maintenance = original.replace("/markethub?", "/postgres?")
    rows(maintenance, f'DROP DATABASE IF EXISTS "{copy}" WITH (FORCE)')
    rows(maintenance, f'CREATE DATABASE "{copy}" TEMPLATE "{name}"')
    yield original.replace("/markethub?", f"/{copy}?")
    rows(maintenance, f'DROP DATABASE "{copy}" WITH (FORCE)')


def test_loaded_books_are_clean_have_every_kind_of_line_and_leave_no_constraint_out(empty_database):
    before = rows(empty_database, SHAPE)
    load_books(empty_database, members=300, say=lambda progress: None)
    assert rows(empty_database, SHAPE) == before
    kinds = rows(empty_database, "SELECT DISTINCT transaction_type FROM points_transactions ORDER BY 1")
    assert [kind for (kind,) in kinds] == ["adjusted", "earned", "expired", "opening", "redeemed", "reversed"]
    most = "SELECT max(n) FROM (SELECT count(*) AS n FROM point_lots GROUP BY user_id) l"
    assert rows(empty_database, most) == [(436,)]
    audit = subprocess.run(
        [sys.executable, "manage.py", "audit_ledger"],
        cwd=PROJECT,
        env={**os.environ, "DATABASE_URL": empty_database},
        capture_output=True,
        text=True,
        check=True,
    )
    assert audit.stdout.startswith("300 members, ")
    assert audit.stdout.endswith("clean\n")
