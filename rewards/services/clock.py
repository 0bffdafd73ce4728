"""What the clock decides, posted for everybody: held points mature, points past their date expire.

Balances never wait for these jobs (see `Account.settle`): they only write down what already counts.
"""

import logging
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from django.db import DatabaseError, transaction
from django.db.models import Max, QuerySet

from rewards.models import PointLot
from rewards.services.posting import lock_accounts

logger = logging.getLogger(__name__)

CHUNK = 1000
SLICE = 10_000
SECONDS = 200.0  # a run's share of the tasks' time limit; the next run goes on


def mature_points(*, at: datetime, seconds: float = SECONDS) -> int:
    """Post what has matured by `at`, until the time is up; returns for how many members."""
    return _settle(PointLot.objects.filter(matured=False, matures_at__lte=at), "user_id", at, seconds)


def expire_points(*, at: datetime, seconds: float = SECONDS) -> int:
    """Post what has expired by `at`, until the time is up; returns for how many members."""
    return _settle(PointLot.objects.filter(remaining__gt=0, expires_at__lte=at), "expires_at", at, seconds)


def _settle(lots: QuerySet[PointLot], key: str, at: datetime, seconds: float) -> int:
    """Settle the lots' members, a chunk a transaction; one that fails keeps nobody else waiting."""
    deadline = time.monotonic() + seconds
    settled = 0
    for chunk in _chunks(lots, key):
        if time.monotonic() > deadline:
            break
        if _post(chunk, at):
            settled += len(chunk)
        else:
            settled += sum(_post([member], at) for member in chunk)
    return settled


def _chunks(lots: QuerySet[PointLot], key: str) -> Iterator[Sequence[int]]:
    """Walk the lots along the index that begins with `key`, and yield their members by their ids.

    What was passed is not read again, whether it was posted or failed. Lots of one `key` stay together: those
    of a day expire at one moment.
    """
    lots = lots.order_by()
    rest = lots
    while True:
        ahead = rest.order_by(key).values(key)[:SLICE]
        last: Any = ahead.aggregate(last=Max(key))["last"]
        if last is None:
            return
        due = rest.filter(**{f"{key}__lte": last}).values_list("user_id", flat=True)
        members = sorted(set(due))
        for start in range(0, len(members), CHUNK):
            yield members[start : start + CHUNK]
        rest = lots.filter(**{f"{key}__gt": last})


def _post(members: Sequence[int], at: datetime) -> bool:
    try:
        with transaction.atomic():
            lock_accounts(members, at=at).post()
    except DatabaseError:
        logger.exception("settling %s members from %s on failed", len(members), members[0])
        return False
    return True
