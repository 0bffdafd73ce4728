"""Telling members of their points, their tier and their vouchers; each thing once, by its natural key."""

from collections.abc import Collection, Iterator
from datetime import date, datetime, time, timedelta
from typing import Any

from django.db.models import Max, QuerySet, Sum
from django.utils import timezone

from notifications.contracts import Wish
from notifications.facade import notify, notify_many
from rewards.messages import POINTS_EARNED_MESSAGE, POINTS_EXPIRING, TIER_UPGRADE, VOUCHER_EXPIRING
from rewards.models import PointLot, PointsTransaction, TierChange, UserVoucher

POINTS_NOTICE_DAYS = (30, 7)
VOUCHER_NOTICE_DAYS = 3
_LATE_DAYS = 2
"""How late a reminder still goes out, when the job did not run on its day."""
_CHUNK = 1000


def tell_upgrades(tier_change_ids: Collection[int]) -> None:
    """Tell of moves up; not of one after which its member has moved again."""
    moves = TierChange.objects.filter(pk__in=tier_change_ids).select_related("to_tier")
    members = {move.user_id for move in moves}
    last = TierChange.objects.filter(user_id__in=members).order_by().values("user_id")
    current = set(last.annotate(last=Max("id")).values_list("last", flat=True))
    notify_many(
        [
            Wish(
                user_id=move.user_id,
                kind=TIER_UPGRADE.name,
                key=f"tier-change:{move.pk}",
                facts={"tier": move.to_tier.name},
            )
            for move in moves
            if move.pk in current and move.to_tier is not None
        ]
    )


def tell_upgrade_to(*, user_id: int, tier_name: str) -> None:
    """Tell a member that they have reached a tier: once for each time that they did."""
    move = TierChange.objects.filter(user_id=user_id, to_tier__name=tier_name).first()
    key = f"tier-change:{move.pk}" if move else f"tier:{tier_name}"
    notify(user_id=user_id, kind=TIER_UPGRADE.name, key=key, facts={"tier": tier_name})


def tell_earned(lines: Collection[tuple[int, str]]) -> None:
    """Tell of points that were earned, by the (member, natural key) of their lines."""
    wanted = set(lines)
    found = PointsTransaction.objects.filter(
        user_id__in={user_id for user_id, _ in wanted}, natural_key__in={key for _, key in wanted}
    )
    notify_many(
        [
            Wish(
                user_id=user_id,
                kind=POINTS_EARNED_MESSAGE.name,
                key=f"earned:{key}",
                facts={"points": points, "reason": description},
            )
            for user_id, key, points, description in found.values_list(
                "user_id", "natural_key", "points", "description"
            )
            if (user_id, key) in wanted
        ]
    )


def remind_of_points(*, at: datetime) -> None:
    """Tell everybody whose points expire in 30 days, and again in 7, how many and when."""
    today = timezone.localdate(at)
    for notice in POINTS_NOTICE_DAYS:
        for day in _days_due(today, notice):
            ending = PointLot.objects.filter(remaining__gt=0, **_ends_on(day)).order_by("user_id")
            members = ending.values("user_id").annotate(points=Sum("remaining"))
            for chunk in _chunks(members, "user_id"):
                notify_many(
                    [
                        Wish(
                            user_id=member["user_id"],
                            kind=POINTS_EXPIRING.name,
                            key=f"points-expiring:{notice}:{day}",
                            facts={
                                "points": member["points"],
                                "days": (day - today).days,
                                "date": _shown(day),
                            },
                        )
                        for member in chunk
                    ]
                )


def remind_of_vouchers(*, at: datetime) -> None:
    """Tell everybody which of their vouchers ends in three days."""
    for day in _days_due(timezone.localdate(at), VOUCHER_NOTICE_DAYS):
        ending = UserVoucher.objects.filter(status=UserVoucher.Status.AVAILABLE, **_ends_on(day))
        for chunk in _chunks(ending.order_by("id").values("id", "user_id", "code"), "id"):
            notify_many(
                [
                    Wish(
                        user_id=voucher["user_id"],
                        kind=VOUCHER_EXPIRING.name,
                        # With the day: a voucher that an order lets go of may get a new one.
                        key=f"voucher-expiring:{voucher['id']}:{day}",
                        facts={
                            "code": voucher["code"],
                            "date": _shown(day),
                            "voucher_id": voucher["id"],
                        },
                    )
                    for voucher in chunk
                ]
            )


def _days_due(today: date, notice: int) -> Iterator[date]:
    return (today + timedelta(days=notice - late) for late in range(_LATE_DAYS + 1))


def _ends_on(day: date) -> dict[str, datetime]:
    """Say of what expires that `day` is its last local day: expiries are exclusive, at midnight after it."""
    midnight = timezone.make_aware(datetime.combine(day, time.min))
    following = timezone.make_aware(datetime.combine(day + timedelta(days=1), time.min))
    return {"expires_at__gt": midnight, "expires_at__lte": following}


def _chunks(rows: "QuerySet[Any, Any]", key: str) -> Iterator[list[dict[str, Any]]]:
    """Walk rows by `key`, which they are ordered by and which is unique among them."""
    walked = rows
    while chunk := list(walked[:_CHUNK]):
        yield chunk
        walked = rows.filter(**{f"{key}__gt": chunk[-1][key]})


def _shown(day: date) -> str:
    return f"{day.day} {day:%b %Y}"
