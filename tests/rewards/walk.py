"""Rewards' part of the walk over all URLs."""

from accounts.models import User
from rewards.models import PointsTransaction, UserPoints
from tests.walk import Arguments, own_row


@own_row("rewards/transactions/<int:transaction_id>/")
def opening(owner: User) -> Arguments:
    UserPoints.objects.create(user=owner, current_points=500)
    return {"transaction_id": PointsTransaction.objects.get(user=owner).pk}
