"""Celery's way in: each task calls one service."""

import time
from contextlib import suppress

from celery import shared_task
from django.utils import timezone
from kombu.exceptions import OperationalError

from notifications.services import forgetting, sending, walking

TURN_SECONDS = 4.0


@shared_task(name="notifications.forget_old")
def forget_old(**newer: object) -> None:
    """Delete old devices, pushes, messages and counts."""
    forgetting.forget_old(at=timezone.now())


@shared_task(name="notifications.send_pushes")
def send_pushes(**newer: object) -> None:
    """Send the pushes that are due, in turns: what else waits in the queue comes between two of them."""
    began = time.monotonic()
    if sending.send_due(seconds=TURN_SECONDS) and time.monotonic() - began >= TURN_SECONDS:
        # The beat asks as well, so this may be lost, and must not pile up behind other work.
        with suppress(OperationalError):
            send_pushes.apply_async(expires=TURN_SECONDS, retry=False, ignore_result=True)


@shared_task(name="notifications.walk_campaigns")
def walk_campaigns(**newer: object) -> None:
    """Begin the campaigns that are due and take them on."""
    walking.walk_due()
