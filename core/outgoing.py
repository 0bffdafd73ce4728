"""Calls that leave the machine: rows that say what to send, claimed by a lease.

A transaction that wants something sent writes a row. A sender claims due rows, sends outside of any
transaction, and writes each answer. A claim is a lease: it moves `due_at` to its end and counts a try, so
what a dead sender had claimed is due again by itself. An answer is written only where `tries` is still what
the claim made it: one that comes after its lease has run out says nothing any more.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.db import connection, models, transaction
from django.db.models import F, Q
from django.utils import timezone

from core.models import Stamped


class Outgoing(Stamped):
    """One thing to send to somebody outside; subclasses say what, to whom, and what became of it."""

    class State(models.TextChoices):
        PENDING = "pending", "Still to be sent"
        DONE = "done", "Sent"
        FAILED = "failed", "Given up"

    state = models.CharField(max_length=10, choices=State, default=State.PENDING)
    due_at = models.DateTimeField(default=timezone.now)
    tries = models.PositiveSmallIntegerField(default=0)
    error = models.TextField(blank=True, default="")

    class Meta:
        abstract = True


STILL_TO_SEND = Q(state=Outgoing.State.PENDING)
"""The condition of the index on (due_at, id) that each subclass has, for `claim`."""

Row = TypeVar("Row", bound=Outgoing)


@transaction.atomic
def claim(rows: "models.QuerySet[Row, Any]", *, limit: int, lease: timedelta, at: datetime) -> "list[Row]":
    """Lease up to `limit` rows that are due, the longest due first; nobody else gets them meanwhile."""
    due = rows.filter(STILL_TO_SEND, due_at__lte=at).order_by("due_at", "pk")
    claimed = list(due.select_for_update(of=("self",), skip_locked=True)[:limit])
    ends = at + lease
    rows.model._default_manager.filter(pk__in=[row.pk for row in claimed]).update(
        due_at=ends, tries=F("tries") + 1, updated_at=at
    )
    for row in claimed:
        row.due_at, row.tries = ends, row.tries + 1
    return claimed


def try_alone(key: int) -> bool:
    """Take the lock of who may send under `key`; it is held until this connection ends, if not given back."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [key])
        return bool(cursor.fetchone()[0])


@contextmanager
def alone(key: int) -> Iterator[bool]:
    """Say whether nobody else sends under `key`, and keep it so for as long as the block runs."""
    ours = try_alone(key)
    try:
        yield ours
    finally:
        if ours:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [key])
