"""What members change about themselves."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from accounts.contracts import MEMBER_CHANGED
from accounts.models import User
from accounts.services.sessions import lock_user
from core import outbox
from core.errors import NotFound

SEEN = frozenset({"first_name", "last_name"})
"""What others see of a member, beside the picture."""
CHANGEABLE = SEEN | frozenset({"language", "time_zone", "preferences"})


@transaction.atomic
def update_profile(user_id: int, changes: Mapping[str, Any], *, at: datetime) -> User:
    """Set the given ones of `CHANGEABLE`, and return the user as they are now.

    Raises:
        NotFound: the user is gone.
    """
    user = lock_user(user_id)
    if user is None:
        raise NotFound
    names = sorted(CHANGEABLE & changes.keys())
    looks_different = any(getattr(user, name) != changes[name] for name in SEEN.intersection(names))
    for name in names:
        setattr(user, name, changes[name])
    if names:
        user.updated_at = at
        user.save(update_fields=[*names, "updated_at"])
    if looks_different:
        outbox.publish(MEMBER_CHANGED, user_id=user_id)
    return user
