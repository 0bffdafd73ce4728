"""A member's lots, each with what the clock makes of it."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from rewards.models import PointLot


@dataclass(frozen=True, slots=True)
class LotNow:
    """A lot and its state at a moment: `open`, `held`, `expired` or `used up`."""

    lot: PointLot
    state: str

    @property
    def remaining(self) -> int:
        return 0 if self.state == "expired" else self.lot.remaining


def open_lots(user_id: int, *, at: datetime, most: int) -> list[LotNow]:
    """Return up to `most` lots that hold points, held ones too, in the order in which they are spent."""
    lots = PointLot.objects.filter(
        Q(expires_at=None) | Q(expires_at__gt=at), user_id=user_id, remaining__gt=0
    )
    return [_now(lot, at) for lot in lots[:most]]


def closed_lots(user_id: int, *, at: datetime, most: int) -> list[LotNow]:
    """Return up to `most` lots that are used up or have expired, the newest first."""
    # Through the ledger: lots are indexed by member only while they hold points.
    lots = PointLot.objects.filter(
        Q(remaining=0) | Q(expires_at__lte=at), transaction__user_id=user_id
    ).order_by("-transaction__effective_at", "-transaction_id")
    return [_now(lot, at) for lot in lots[:most]]


def _now(lot: PointLot, at: datetime) -> LotNow:
    if lot.remaining == 0:
        return LotNow(lot, "used up")
    if lot.expires_at is not None and lot.expires_at <= at:
        return LotNow(lot, "expired")
    return LotNow(lot, "held" if lot.matures_at > at else "open")
