"""What Prometheus reads of tickets, counted once it is committed (how much is asked, said and missed), and of
Stream's answers."""

from django.db import transaction
from prometheus_client import Counter

_OPENED = Counter("markethub_tickets_opened", "Tickets that members opened", ["priority"])
_SAID = Counter("markethub_ticket_messages", "Messages of tickets, by who wrote them", ["author"])
STREAM_ANSWERS = Counter(
    "markethub_stream_answers", "What Stream answered, by what became of the call", ["call", "verdict"]
)
_BREACHED = Counter("markethub_ticket_breaches", "Targets of tickets that were missed", ["target"])
_WEBHOOKS = Counter("markethub_stream_webhooks", "Webhooks that Stream has signed", ["type", "outcome"])
_FOLLOWED = Counter(
    "markethub_stream_webhooks_followed", "Webhooks of Stream that were looked at", ["type", "outcome"]
)


def count_opened(priority: str) -> None:
    """Count a ticket."""
    transaction.on_commit(_OPENED.labels(priority).inc, robust=True)


def count_message(author: str) -> None:
    """Count a message."""
    transaction.on_commit(_SAID.labels(author).inc, robust=True)


def count_breach(target: str) -> None:
    """Count a target that was missed."""
    transaction.on_commit(_BREACHED.labels(target).inc, robust=True)


def count_webhook(event_type: str, outcome: str) -> None:
    """Count a webhook that came: received, repeated or ignored."""
    transaction.on_commit(_WEBHOOKS.labels(event_type, outcome).inc, robust=True)


def count_followed(event_type: str, outcome: str) -> None:
    """Count a webhook that was looked at, by what came of it."""
    transaction.on_commit(_FOLLOWED.labels(event_type, outcome).inc, robust=True)
