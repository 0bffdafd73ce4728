"""What members change about themselves."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from accounts.models import User
from accounts.services.sessions import lock_user
from core.errors import NotFound

CHANGEABLE = frozenset({"first_name", "last_name", "language", "time_zone", "preferences"})


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
    for name in names:
        setattr(user, name, changes[name])
    if names:
        user.updated_at = at
        user.save(update_fields=[*names, "updated_at"])
    return user
