"""What the real ledger and the reference say, put in the same words so that it can be compared."""

from datetime import timedelta

from django.db import connection

from rewards.models import UserPoints
from tests.rewards.reference import NEVER, local_day

TIERS = {"Bronze": 0, "Silver": 300, "Gold": 700, "Platinum": 1500}
TICK = timedelta(microseconds=1)


def posted_rows():
    """Each account as it is posted, by user id."""
    fields = ("current_points", "pending_points", "lifetime_points", "debt_points", "tier__name")
    rows = UserPoints.objects.values_list("user_id", *fields, "settled_at", "created_at")
    return {user_id: row for user_id, *row in rows}


def posted_lots():
    """Each member's lots as (earned, points, left, matures, expires, posted as matured), by time."""
    found = {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT user_id, earned_at, points, remaining, matures_at, expires_at, matured FROM point_lots"
        )
        for user_id, earned, points, left, matures, expires, matured in cursor.fetchall():
            lot = (earned, points, left, matures, expires or NEVER, matured)
            found.setdefault(user_id, []).append(lot)
    return {user_id: sorted(lots) for user_id, lots in found.items()}


def lots_of(member, at):
    # One that was emptied before its time has nothing left to wait for.
    return sorted(
        (lot.earned, lot.points, lot.left, lot.matures, lot.expires, lot.matures <= at or not lot.left)
        for lot in member.lots
    )


def sums(member, at):
    return member.current(at), member.pending(at), member.lifetime, member.debt


def read(member, at):
    """What the reference answers; `shown` is what the real one did."""
    soon = [lot for lot in member.lots if lot.left and lot.expires < at + timedelta(days=30)]
    first = local_day(min(lot.expires for lot in soon) - TICK) if soon else None
    return *sums(member, at), sum(lot.left for lot in soon), first


def shown(found):
    return (
        found.current_points,
        found.pending_points,
        found.lifetime_points,
        found.debt_points,
        found.points_expiring_soon,
        found.expiry_date,
    )


def tier_for(points):
    return max((threshold, name) for name, threshold in TIERS.items() if threshold <= points)[1]
