"""What the clock decides, posted for everybody: held points mature, points past their date expire.

Balances never wait for these jobs (see `Account.settle`): they only write down what already counts.
"""

from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from rewards.models import PointLot
from rewards.services.posting import lock_accounts

CHUNK = 1000


def mature_points(*, at: datetime) -> int:
    """Post what has matured by `at`; returns how many members it was."""
    return _settle(PointLot.objects.filter(matured=False, matures_at__lte=at), at)


def expire_points(*, at: datetime) -> int:
    """Post what has expired by `at`; returns how many members it was."""
    return _settle(PointLot.objects.filter(remaining__gt=0, expires_at__lte=at), at)


def _settle(lots: QuerySet[PointLot], at: datetime) -> int:
    members = sorted(set(lots.order_by().values_list("user_id", flat=True)))
    for start in range(0, len(members), CHUNK):
        with transaction.atomic():
            lock_accounts(members[start : start + CHUNK], at=at).post()
    return len(members)
