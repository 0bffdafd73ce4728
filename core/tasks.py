"""Celery's way into the outbox and the idempotent answers."""

import gc
from typing import Any

from celery import shared_task
from celery.signals import worker_init, worker_process_init

from core import idempotency, integrations, outbox


@worker_init.connect
def announce_integrations(**_sent: Any) -> None:
    """Say at a worker's start which integrations are off."""
    integrations.announce()


@worker_process_init.connect
def spare_the_collector(**_sent: Any) -> None:
    """Leave what was loaded at the start out of every garbage collection: a batch of messages causes many."""
    gc.collect()
    gc.freeze()


@shared_task(name="core.deliver")
def deliver(subscriber: str, **_newer: Any) -> None:
    """Deliver what is due to one subscriber."""
    outbox.deliver(subscriber)


@shared_task(name="core.sweep_outbox")
def sweep_outbox(**_newer: Any) -> None:
    """Make up for lost nudges and come back to what failed."""
    outbox.sweep()


@shared_task(name="core.forget_idempotent_responses")
def forget_idempotent_responses(**_newer: Any) -> None:
    """Delete the answers that no retry will ask for any more."""
    idempotency.forget()
