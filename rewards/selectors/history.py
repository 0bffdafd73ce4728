"""A member's ledger lines."""

from datetime import datetime

from django.db.models import QuerySet

from core.errors import NotFound
from rewards.models import PointsTransaction


def history(
    user_id: int,
    *,
    transaction_type: str | None = None,
    since: datetime | None = None,
    before: datetime | None = None,
) -> QuerySet[PointsTransaction]:
    """Return the member's lines with their orders, optionally of one type and effective in since..before."""
    lines = PointsTransaction.objects.filter(user_id=user_id).select_related("order")
    if transaction_type is not None:
        lines = lines.filter(transaction_type=transaction_type)
    if since is not None:
        lines = lines.filter(effective_at__gte=since)
    if before is not None:
        lines = lines.filter(effective_at__lt=before)
    return lines


def line(user_id: int, transaction_id: int) -> PointsTransaction:
    """Return one of the member's lines with its order and voucher.

    Raises:
        NotFound: there is none, or it is another member's.
    """
    found = history(user_id).select_related("voucher").filter(pk=transaction_id).first()
    if found is None:
        raise NotFound("There is no such transaction.")
    return found
