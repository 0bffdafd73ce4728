"""Celery's way in: each task calls one service."""

from celery import shared_task
from django.utils import timezone

from chat_support.services import calling, keeping_calls, looking_after, webhooks


@shared_task(name="chat_support.mark_breaches")
def mark_breaches(**newer: object) -> None:
    """Mark the targets that were missed."""
    looking_after.mark_breaches(at=timezone.now())


@shared_task(name="chat_support.close_resolved")
def close_resolved(**newer: object) -> None:
    """Close the resolved tickets in which nobody has said anything more."""
    looking_after.close_resolved(at=timezone.now())


@shared_task(name="chat_support.call_stream")
def call_stream(**newer: object) -> None:
    """Make the calls of Stream that are due."""
    calling.call_due()


@shared_task(name="chat_support.forget_calls")
def forget_calls(**newer: object) -> None:
    """Delete the calls of Stream that were answered long ago."""
    keeping_calls.forget_calls(at=timezone.now())


@shared_task(name="chat_support.forget_webhooks")
def forget_webhooks(**newer: object) -> None:
    """Delete the webhooks of more than 30 days ago."""
    webhooks.forget_webhooks(at=timezone.now())
