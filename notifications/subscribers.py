"""What notifications does when something happened below."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.utils import timezone

from accounts.contracts import SESSION_ENDED
from core.outbox import Message, subscriber
from notifications.services.devices import detach_session


@subscriber("notifications.sessions", topics=[SESSION_ENDED], batch=100)
def detach_devices(messages: Sequence[Message]) -> None:
    """Write no more to the phones of whoever has signed out."""
    for message in messages:
        session, ended_at = message.payload["session"], message.payload.get("ended_at")
        detach_session(
            user_id=message.payload["user_id"],
            session=UUID(session) if session else None,
            ended_at=datetime.fromisoformat(ended_at) if ended_at else timezone.now(),
        )
