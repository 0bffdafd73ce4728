"""A small shop, loaded once for the tests that only look at it, on one and the same day."""

from collections.abc import Iterator
from typing import Any

import pytest
import time_machine
from django.db import transaction
from pytest_django import DjangoDbBlocker

from tests.demo.loaded import NOW, load, totals


@pytest.fixture(autouse=True)
def that_day() -> Iterator[None]:
    with time_machine.travel(NOW):
        yield


@pytest.fixture(scope="module")
def loaded_shop(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[dict[str, Any]]:
    """A loaded shop, for all tests of the module; the value is its totals."""
    with django_db_blocker.unblock(), transaction.atomic():
        with time_machine.travel(NOW):
            load()
        yield totals()
        transaction.set_rollback(True)


@pytest.fixture(scope="module")
def whole_totals(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> dict[str, Any]:
    """The totals of a shop that was loaded without interruption, and is gone again."""
    with django_db_blocker.unblock(), transaction.atomic():
        with time_machine.travel(NOW):
            load()
        found = totals()
        transaction.set_rollback(True)
    return found
