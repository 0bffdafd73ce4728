"""Deleting what signing in leaves behind."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Model, QuerySet

from accounts.models import AttemptCount, PhoneChallenge, RefreshToken

CODES_KEPT = timedelta(days=1)
"""For whoever asks support why no code came."""
_CHUNK = 5000


def forget_old(*, at: datetime) -> int:
    """Delete codes a day after their end, tokens and counts at their end, in chunks; return how many."""
    return (
        _delete(PhoneChallenge.objects.filter(expires_at__lt=at - CODES_KEPT))
        + _delete(RefreshToken.objects.filter(expires_at__lt=at))
        + _delete(AttemptCount.objects.filter(expires_at__lt=at))
    )


def _delete(rows: QuerySet[PhoneChallenge] | QuerySet[RefreshToken] | QuerySet[AttemptCount]) -> int:
    model: type[Model] = rows.model
    deleted = 0
    while True:
        # Skipping what is locked: a count or a token in use at this moment is left for the next time.
        ids = rows.order_by("pk").values("pk").select_for_update(skip_locked=True)[:_CHUNK]
        with transaction.atomic():
            gone, _ = model._default_manager.filter(pk__in=ids).delete()
        deleted += gone
        if gone < _CHUNK:
            return deleted
