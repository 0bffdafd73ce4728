"""What the clock decides, posted for everybody: held points mature, points past their date expire.

Balances never wait for these jobs (see `Account.settle`): they only write down what already counts.
"""

import logging
import time
from collections.abc import Sequence
from datetime import datetime

from django.db import DatabaseError, transaction
from django.db.models import QuerySet

from rewards.models import PointLot
from rewards.services.posting import lock_accounts

logger = logging.getLogger(__name__)

CHUNK = 1000
SECONDS = 200.0  # a run's share of the tasks' time limit; the next run goes on


def mature_points(*, at: datetime, seconds: float = SECONDS) -> int:
    """Post what has matured by `at`, until the time is up; returns for how many members."""
    return _settle(PointLot.objects.filter(matured=False, matures_at__lte=at), at, seconds)


def expire_points(*, at: datetime, seconds: float = SECONDS) -> int:
    """Post what has expired by `at`, until the time is up; returns for how many members."""
    return _settle(PointLot.objects.filter(remaining__gt=0, expires_at__lte=at), at, seconds)


def _settle(lots: QuerySet[PointLot], at: datetime, seconds: float) -> int:
    """Settle the lots' members, a chunk a transaction; one that fails keeps nobody else waiting."""
    deadline = time.monotonic() + seconds
    members = sorted(set(lots.order_by().values_list("user_id", flat=True)))
    settled = 0
    for start in range(0, len(members), CHUNK):
        if time.monotonic() > deadline:
            break
        chunk = members[start : start + CHUNK]
        if _post(chunk, at):
            settled += len(chunk)
        else:
            settled += sum(_post([member], at) for member in chunk)
    return settled


def _post(members: Sequence[int], at: datetime) -> bool:
    try:
        with transaction.atomic():
            lock_accounts(members, at=at).post()
    except DatabaseError:
        logger.exception("settling %s members from %s on failed", len(members), members[0])
        return False
    return True
