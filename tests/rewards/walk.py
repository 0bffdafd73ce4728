"""Rewards' part of the walk over all URLs."""

from accounts.models import User
from rewards.models import PointsTransaction, UserPoints
from tests.walk import Arguments, own_row, shop_path


@own_row("rewards/transactions/<int:transaction_id>/")
def opening(owner: User) -> Arguments:
    UserPoints.objects.create(user=owner, current_points=500)
    return {"transaction_id": PointsTransaction.objects.get(user=owner).pk}


@shop_path("shop/members/<str:external_id>/")
@shop_path("shop/members/<str:external_id>/points/")
def known_member() -> Arguments:
    User.objects.get_or_create(username="walk", defaults={"external_id": "C-77"})
    return {"external_id": "C-77"}
