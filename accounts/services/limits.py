"""How often something may be tried: counted in PostgreSQL, by one guarded statement."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from math import ceil

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F
from django.utils.crypto import salted_hmac

from accounts.models import AttemptCount
from core.errors import DomainError

Attempt = tuple[str, str]
"""A name in `settings.ATTEMPT_LIMITS`, and the subject that is counted."""


class TooManyAttempts(DomainError):
    """A limit is reached; `Retry-After` says when the next attempt may be made."""

    code, status, title = "too_many_attempts", 429, "Too many attempts; try again later"

    def __init__(self, seconds: int) -> None:
        super().__init__(f"Try again in {seconds} s.", retry_after=seconds)
        self.headers = {"Retry-After": str(seconds)}


def take(attempts: Sequence[Attempt], *, at: datetime) -> None:
    """Count one attempt under every limit of every subject, or none of them; committed when this returns.

    A window begins with its first attempt, so "one a minute" is a minute between two.

    Raises:
        TooManyAttempts: one of the limits is reached.
    """
    rows = _rows(attempts, at)
    with transaction.atomic(durable=True):
        if _counted(rows, at) == len(rows):
            return
        transaction.set_rollback(True)
    raise TooManyAttempts(_wait(rows, at))


def give_back(attempts: Sequence[Attempt], *, at: datetime) -> None:
    """Take an attempt out of the count again: it succeeded, or nothing came of it."""
    with transaction.atomic():
        for name, subject, _, _ in _rows(attempts, at):
            AttemptCount.objects.filter(name=name, subject=subject, count__gt=0, expires_at__gt=at).update(
                count=F("count") - 1, updated_at=at
            )


_Row = tuple[str, str, int, datetime]


def _rows(attempts: Iterable[Attempt], at: datetime) -> list[_Row]:
    """One row a limit, in the one order in which everybody locks them."""
    return sorted(
        (
            f"{name}:{seconds}",
            salted_hmac("accounts.limits", f"{name} {subject}", algorithm="sha256").hexdigest(),
            times,
            at + timedelta(seconds=seconds),
        )
        for name, subject in attempts
        for times, seconds in settings.ATTEMPT_LIMITS[name]
    )


def _counted(rows: Sequence[_Row], at: datetime) -> int:
    names, subjects, allowed, ends = (list(column) for column in zip(*rows, strict=True))
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO attempt_counts AS counts
                (name, subject, count, allowed, created_at, updated_at, expires_at)
            SELECT name, subject, 1, allowed, %s, %s, expires_at
            FROM unnest(%s::text[], %s::text[], %s::int[], %s::timestamptz[])
                AS given (name, subject, allowed, expires_at)
            ORDER BY name, subject
            ON CONFLICT (name, subject) DO UPDATE SET
                count = CASE WHEN counts.expires_at <= excluded.updated_at THEN 1 ELSE counts.count + 1 END,
                allowed = excluded.allowed,
                expires_at = CASE WHEN counts.expires_at <= excluded.updated_at
                             THEN excluded.expires_at ELSE counts.expires_at END,
                updated_at = excluded.updated_at
            WHERE counts.expires_at <= excluded.updated_at OR counts.count < excluded.allowed
            """,
            [at, at, names, subjects, allowed, ends],
        )
        return int(cursor.rowcount)


def _wait(rows: Sequence[_Row], at: datetime) -> int:
    """Seconds until every limit that is reached lets go."""
    reached = AttemptCount.objects.filter(
        name__in=[row[0] for row in rows],
        subject__in=[row[1] for row in rows],
        count__gte=F("allowed"),
        expires_at__gt=at,
    )
    ends = reached.order_by("-expires_at").values_list("expires_at", flat=True).first()
    return max(ceil((ends - at).total_seconds()), 1) if ends else 1
