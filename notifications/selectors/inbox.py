"""A member's inbox."""

from django.db.models import QuerySet

from notifications.models import InboxMessage


def inbox(user_id: int, *, unread: bool = False) -> QuerySet[InboxMessage]:
    """Return what the member's inbox shows, newest first; only what they have not read, with `unread`."""
    shown = InboxMessage.objects.filter(user_id=user_id, withheld="")
    return shown.filter(read_at=None) if unread else shown
