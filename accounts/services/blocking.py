"""Shutting a member out, and letting them in again."""

from datetime import datetime

from django.db import transaction

from accounts.models import User
from accounts.services.sessions import end_all_sessions, lock_user
from core import audit
from core.contracts import Actor
from core.errors import NotFound


@transaction.atomic
def set_active(*, user_id: int, active: bool, actor: Actor, at: datetime, reason: str = "") -> bool:
    """Block a member (their sessions end, their next request is refused) or let them in again.

    Returns whether that changed anything; whoever is let in again signs in anew.

    Raises:
        NotFound: there is no such user.
    """
    user = lock_user(user_id)
    if user is None:
        raise NotFound
    if user.is_active == active:
        return False
    User.objects.filter(pk=user_id).update(is_active=active, updated_at=at)
    if not active:
        end_all_sessions(user_id, at=at)
    audit.record(
        actor=actor,
        action="member.unblock" if active else "member.block",
        target=user,
        before={"is_active": not active},
        after={"is_active": active},
        reason=reason,
    )
    return True
