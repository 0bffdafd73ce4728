"""Celery's way in: each task calls one service. The first three may be called by position, too."""

from celery import shared_task
from django.utils import timezone

from rewards.models import Programme, TierChange
from rewards.services import clock, earning, telling, tiers, vouchers


@shared_task(name="rewards.tasks.calculate_order_points")
def calculate_order_points(order_id: int, **newer: object) -> None:
    """Post what an order entitles to as it now stands."""
    earning.accrue_orders([order_id], at=timezone.now())


@shared_task(name="rewards.tasks.update_user_tier")
def update_user_tier(user_id: int, **newer: object) -> None:
    """Move a member to the tier that their points put them in."""
    tiers.update_tier(user_id=user_id, at=timezone.now())


@shared_task(name="rewards.tasks.send_tier_upgrade_notification")
def send_tier_upgrade_notification(user_id: int, tier_name: str, **newer: object) -> None:
    """Tell a member that they have reached a tier."""
    telling.tell_upgrade_to(user_id=user_id, tier_name=tier_name)


@shared_task(name="rewards.send_reminders")
def send_reminders(**newer: object) -> None:
    """Tell members of points and vouchers that expire soon."""
    now = timezone.now()
    telling.remind_of_points(at=now)
    telling.remind_of_vouchers(at=now)


@shared_task(name="rewards.mature_points")
def mature_points(**newer: object) -> None:
    """Post the points whose hold is over."""
    clock.mature_points(at=timezone.now())


@shared_task(name="rewards.expire_points")
def expire_points(**newer: object) -> None:
    """Post the points that have expired."""
    clock.expire_points(at=timezone.now())


@shared_task(name="rewards.expire_vouchers")
def expire_vouchers(**newer: object) -> None:
    """Write down which vouchers have expired."""
    vouchers.expire_vouchers(at=timezone.now())


@shared_task(name="rewards.recalculate_rolling_tiers")
def recalculate_rolling_tiers(**newer: object) -> None:
    """Judge everybody again when tiers follow the last twelve months, which move on every day."""
    if Programme.objects.filter(tier_basis=Programme.TierBasis.ROLLING_YEAR).exists():
        tiers.schedule_rejudging(reason=TierChange.Reason.PERIOD, quietly=False)
