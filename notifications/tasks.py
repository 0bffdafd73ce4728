"""Celery's way in: each task calls one service."""

from celery import shared_task
from django.utils import timezone

from notifications.services import forgetting, sending, walking


@shared_task(name="notifications.forget_old")
def forget_old(**newer: object) -> None:
    """Delete old devices, pushes, messages and counts."""
    forgetting.forget_old(at=timezone.now())


@shared_task(name="notifications.send_pushes")
def send_pushes(**newer: object) -> None:
    """Send the pushes that are due."""
    sending.send_due()


@shared_task(name="notifications.walk_campaigns")
def walk_campaigns(**newer: object) -> None:
    """Begin the campaigns that are due and take them on."""
    walking.walk_due()
