"""Other roles and other databases than the tests' own, on the same server."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, urlsplit

from django.db import connection

from core.app_role import bring_up_to_date

PASSWORD = "only-for-tests"


def rows(sql: str, *parameters: object) -> list[tuple[Any, ...]]:
    """Run SQL and return its rows, if it has any."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters or None)
        return cursor.fetchall() if cursor.description else []


@contextmanager
def connected(**changed: str) -> Iterator[None]:
    """Connect every thread of this process as another user, or to another database (`USER`, `NAME`)."""
    before = connection.settings_dict.copy()
    connection.close()
    connection.settings_dict.update(changed)
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict.update(before)


@contextmanager
def made_role(name: str, *, password: str = "") -> Iterator[str]:
    """Make the application's role, called after the database: roles are the whole server's."""
    role = f"{name}_{connection.settings_dict['NAME']}"
    bring_up_to_date(role, password=password)
    try:
        yield role
    finally:
        drop_role(role)


def drop_role(role: str) -> None:
    quoted = connection.ops.quote_name(role)
    rows(f"DROP OWNED BY {quoted}; DROP ROLE {quoted}")


@contextmanager
def empty_database(name: str) -> Iterator[str]:
    """Make an empty database beside the tests' own; yields its name."""
    database = f"{name}_{connection.settings_dict['NAME']}"
    quoted = connection.ops.quote_name(database)
    rows(f"DROP DATABASE IF EXISTS {quoted} WITH (FORCE)")
    rows(f"CREATE DATABASE {quoted} TEMPLATE template0")
    try:
        yield database
    finally:
        rows(f"DROP DATABASE {quoted} WITH (FORCE)")


def environment_of(database: str) -> dict[str, str]:
    """This process's environment for a program that is to use another database of the server."""
    address = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{quote(database)}")
    return os.environ | {"DATABASE_URL": address.geturl()}
