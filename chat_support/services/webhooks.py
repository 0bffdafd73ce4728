"""Stream's webhooks: written down once each, looked at later, and forgotten after 30 days."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from chat_support.contracts import STREAM_WEBHOOK
from chat_support.metrics import count_webhook
from chat_support.models import StreamWebhook
from chat_support.stream_events import FOLLOWED, author_of, channel_of
from core import audit, outbox
from core.contracts import Actor
from core.forgetting import forget

KEPT = timedelta(days=30)
_OTHER = "other"
_OF_NO_USE = ("request_info", "members")
"""The address and the phone of who wrote, and everybody in the channel: nothing here reads them."""


@transaction.atomic
def take_webhook(*, webhook_id: str, event_type: str, payload: dict[str, Any], at: datetime) -> bool:
    """Keep a webhook that was verified, and have it looked at; returns whether that was news.

    One that came before writes nothing, and neither does one of a type that changes no ticket.
    """
    if event_type not in FOLLOWED:
        count_webhook(_OTHER, "ignored")
        return False
    webhook, is_new = StreamWebhook.objects.get_or_create(
        webhook_id=webhook_id,
        defaults={
            "event_type": event_type,
            "channel_id": channel_of(payload),
            "stream_user_id": author_of(payload),
            "payload": {name: value for name, value in payload.items() if name not in _OF_NO_USE},
            "received_at": at,
        },
    )
    if is_new:
        outbox.publish(STREAM_WEBHOOK, webhook_id=webhook.pk)
    count_webhook(event_type, "received" if is_new else "repeated")
    return is_new


@transaction.atomic
def replay_webhooks(webhook_ids: Iterable[int], *, actor: Actor) -> int:
    """Have webhooks looked at again that could not be read; return how many there were."""
    unreadable = StreamWebhook.objects.filter(
        pk__in=list(webhook_ids), outcome=StreamWebhook.Outcome.UNREADABLE
    ).exclude(payload={})
    webhooks = list(unreadable.order_by("pk").select_for_update())
    for webhook in webhooks:
        audit.record(
            actor=actor,
            action="streamwebhook.replay",
            target=webhook,
            before={"outcome": webhook.outcome, "detail": webhook.detail},
            after={"outcome": "", "detail": ""},
        )
        webhook.outcome, webhook.detail, webhook.processed_at = StreamWebhook.Outcome.WAITING, "", None
    StreamWebhook.objects.bulk_update(webhooks, ["outcome", "detail", "processed_at"])
    outbox.publish_many(STREAM_WEBHOOK, [{"webhook_id": webhook.pk} for webhook in webhooks])
    return len(webhooks)


def forget_webhooks(*, at: datetime) -> int:
    """Delete webhooks after 30 days, in chunks; return how many."""
    return forget(StreamWebhook.objects.filter(received_at__lt=at - KEPT))
