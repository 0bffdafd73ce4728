import logging
import sys

from core.logs import PrivateFormatter, without_rows

POSTGRESQL = """duplicate key value violates unique constraint "users_email"
DETAIL:  Key (email)=(thandi@example.com
second line) already exists.
CONTEXT:  SQL statement "INSERT"
"""


def test_the_row_that_postgresql_quotes_is_left_out_and_the_rest_stays():
    assert without_rows(POSTGRESQL) == (
        'duplicate key value violates unique constraint "users_email"\n'
        "DETAIL: (left out)\n"
        'CONTEXT:  SQL statement "INSERT"\n'
    )


def test_other_text_is_left_alone():
    assert without_rows("ValueError: a DETAIL: in the middle") == "ValueError: a DETAIL: in the middle"


def test_a_traceback_in_the_log_names_both_errors_and_no_person():
    try:
        try:
            raise ValueError(POSTGRESQL)
        except ValueError as first:
            raise RuntimeError(POSTGRESQL) from first
    except RuntimeError:
        record = logging.LogRecord("core", logging.ERROR, "", 0, "failed", None, sys.exc_info())
    line = PrivateFormatter("{message}", style="{").format(record)
    assert "thandi" not in line
    assert "second line" not in line
    assert "ValueError: duplicate key" in line
    assert "The above exception was the direct cause" in line
    assert "RuntimeError: duplicate key" in line
