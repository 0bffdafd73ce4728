"""Celery's way into what is done at night."""

from typing import Any

from celery import shared_task
from django.utils import timezone

from accounts.services import forgetting


@shared_task(name="accounts.forget_old")
def forget_old(**_newer: Any) -> None:
    """Delete old codes, tokens and counts of attempts."""
    forgetting.forget_old(at=timezone.now())
