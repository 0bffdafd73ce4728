"""Celery's way into the orders' services."""

from typing import Any

from celery import shared_task
from django.utils import timezone

from orders.services import cancelling


@shared_task(name="orders.cancel_unpaid")
def cancel_unpaid(**_newer: Any) -> None:
    """Let go of what was not paid in time."""
    cancelling.cancel_unpaid(at=timezone.now())
