"""The engine `core.database`: the health of connections, and statements that are planned once."""

import pytest
from django.db import DEFAULT_DB_ALIAS, NotSupportedError, connection, connections, transaction
from django.test.utils import CaptureQueriesContext

from core.database import base
from core.database.prepared import Prepared

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def session(db):
    """This thread's connection, newly made, as a request of a process with many finds it."""
    connection.close()
    connection.ensure_connection()
    yield connections[DEFAULT_DB_ALIAS]
    connection.close()


def begin_request(session):
    session.health_check_enabled = True
    session.close_if_unusable_or_obsolete()


def backend(session):
    begin_request(session)
    with session.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return cursor.fetchone()[0]


def end_backend(pid):
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s, 10000)", [pid])
            assert cursor.fetchone() == (True,)
    finally:
        other.close()


def test_a_request_after_the_server_ended_the_connection_gets_a_new_one(session):
    first = backend(session)
    assert backend(session) == first
    end_backend(first)
    assert backend(session) != first


def test_a_connection_in_steady_use_is_not_asked_but_after_a_rest_it_is(session, monkeypatch):
    questions = []
    monkeypatch.setattr(base.base.DatabaseWrapper, "is_usable", lambda self: questions.append(1) is None)
    for rests, asked in ((True, 1), (False, 1), (False, 1), (True, 2)):
        if rests:
            session._fresh_until = 0.0
        backend(session)
        assert len(questions) == asked


def test_a_prepared_statement_runs_with_its_values_and_is_one_statement(session):
    added = Prepared("added", "SELECT %s::int + %s::int, %s::text[]")
    with CaptureQueriesContext(connection) as captured, connection.cursor() as cursor:
        for n in range(2):
            added.execute(cursor, [n, 40, ["a", None]])
            assert cursor.fetchone() == (n + 40, ["a", None])
    assert len(captured) == 2


def test_a_new_connection_plans_anew(session):
    seven = Prepared("seven", "SELECT 7")
    for _ in range(2):
        with connection.cursor() as cursor:
            seven.execute(cursor)
            assert cursor.fetchone() == (7,)
        connection.close()


def test_a_statement_prepared_in_a_transaction_that_is_rolled_back_stays(session):
    eight = Prepared("eight", "SELECT 8")
    with transaction.atomic(), connection.cursor() as cursor:
        eight.execute(cursor)
        transaction.set_rollback(True)
    with connection.cursor() as cursor:
        eight.execute(cursor)
        assert cursor.fetchone() == (8,)


def test_the_same_name_never_runs_another_statement(session):
    with connection.cursor() as cursor:
        for number in (1, 2):
            Prepared("number", f"SELECT {number}").execute(cursor)
            assert cursor.fetchone() == (number,)


def test_a_column_of_another_type_is_read_as_it_now_is(session):
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE kept (value int)")
        cursor.execute("INSERT INTO kept VALUES (1)")
        read = Prepared("kept", "SELECT value FROM kept")
        read.execute(cursor)
        assert cursor.fetchone() == (1,)
        cursor.execute("ALTER TABLE kept ALTER value TYPE text")
        read.execute(cursor)
        assert cursor.fetchone() == ("1",)
        cursor.execute("ALTER TABLE kept ALTER value TYPE int USING value::int")
    with pytest.raises(NotSupportedError), transaction.atomic(), connection.cursor() as cursor:
        read.execute(cursor)
    first = session.connection
    begin_request(session)
    assert session.connection is not first  # the next request begins with plans of its own
