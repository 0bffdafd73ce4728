"""Celery's way in: each task calls one service."""

from celery import shared_task
from django.utils import timezone

from notifications.services import forgetting


@shared_task(name="notifications.forget_old")
def forget_old(**newer: object) -> None:
    """Delete old devices, pushes, messages and counts."""
    forgetting.forget_old(at=timezone.now())
