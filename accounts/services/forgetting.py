"""Deleting what signing in leaves behind."""

from datetime import datetime, timedelta

from accounts.models import AttemptCount, PhoneChallenge, RefreshToken
from core.forgetting import forget

CODES_KEPT = timedelta(days=1)
"""For whoever asks support why no code came."""


def forget_old(*, at: datetime) -> int:
    """Delete codes a day after their end, tokens and counts at their end, in chunks; return how many."""
    return (
        forget(PhoneChallenge.objects.filter(expires_at__lt=at - CODES_KEPT))
        + forget(RefreshToken.objects.filter(expires_at__lt=at))
        + forget(AttemptCount.objects.filter(expires_at__lt=at))
    )
