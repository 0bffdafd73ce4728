"""Reading the inbox."""

from datetime import datetime
from uuid import UUID

from core.errors import NotFound
from notifications.models import InboxMessage
from notifications.selectors.inbox import inbox


def read_message(*, user_id: int, notification_id: UUID, at: datetime) -> InboxMessage:
    """Mark a message of the member's as read; once read it keeps its time.

    Raises:
        NotFound: their inbox shows no such message.
    """
    mine = inbox(user_id).filter(notification_id=notification_id)
    mine.filter(read_at=None).update(read_at=at, updated_at=at)
    message = mine.first()
    if message is None:
        raise NotFound
    return message


def read_all(*, user_id: int, at: datetime) -> int:
    """Mark everything as read that has come by now; return how many there were."""
    return inbox(user_id, unread=True).filter(created_at__lte=at).update(read_at=at, updated_at=at)
