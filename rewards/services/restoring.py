"""Giving spent points back to the lots that they came from."""

from dataclasses import replace

from django.db.models import Sum
from django.utils import timezone

from rewards import rules
from rewards.account import Cause, covering
from rewards.models import LotAllocation, PointsTransaction
from rewards.services.posting import Book


def restore_spend(book: Book, spend: PointsTransaction, points: int, cause: Cause) -> int:
    """Give back up to `points` of a spend to `book`'s account; returns how many, 0 when all came back before.

    What came from lots that expired meanwhile gets the programme's `restored_points_days`, and the line says
    so. `book` is the member's, with its open lots; the caller posts it.
    """
    account = book.accounts[spend.user_id]
    earlier = PointsTransaction.objects.filter(
        user_id=spend.user_id, related=spend, transaction_type=PointsTransaction.Type.RESTORED
    ).aggregate(total=Sum("points"))["total"]
    taken = list(
        LotAllocation.objects.filter(transaction=spend, points__gt=0)
        .order_by("id")
        .values_list("lot_id", "points")
    )
    lots = book.load_lots_by_id(lot_id for lot_id, _ in taken)
    takings = covering([(lots[lot_id], n) for lot_id, n in taken], earlier or 0, points)
    if not takings:
        return 0
    at = account.clock
    restored_until = rules.expires_after_days(
        at, book.programme.restored_points_days, timezone.get_default_timezone()
    )
    late = sum(n for lot, n in takings if lot.has_expired(at))
    if late:
        day = timezone.localdate(restored_until) - rules.ONE_DAY
        cause = replace(
            cause,
            description=f"{cause.description}; {late} had expired and are good until {day.isoformat()}",
            metadata={
                **cause.metadata,
                "restored_after_expiry": late,
                "restored_points_days": book.programme.restored_points_days,
            },
        )
    account.restore(cause, takings, restored_until=restored_until, at=at)
    return sum(n for _, n in takings)
