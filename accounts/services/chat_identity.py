"""A member's id in Stream: opaque, and gone once they are erased there."""

from django.utils import timezone

from accounts.models import User


def forget_chat_id(user_id: int) -> str | None:
    """Take a member's Stream id away, in the caller's transaction; return what it was, None without one."""
    user = User.objects.select_for_update().filter(pk=user_id).only("stream_chat_user_id").first()
    if user is None or user.stream_chat_user_id is None:
        return None
    was = user.stream_chat_user_id
    User.objects.filter(pk=user_id).update(stream_chat_user_id=None, updated_at=timezone.now())
    return was
