"""Members' pictures."""

from datetime import datetime

from django.db import transaction

from accounts.contracts import MEMBER_CHANGED
from accounts.models import User
from accounts.services.sessions import lock_user
from core import outbox
from core.errors import NotFound
from core.images import CleanImage
from core.pictures import delete_after_commit, stored

SIDE = 512
_FOLDER = "avatars"


def set_avatar(user_id: int, picture: CleanImage, *, at: datetime) -> User:
    """Keep a member's picture in the place of the one before.

    Raises:
        NotFound: the user is gone.
    """
    with stored(_FOLDER, [picture]) as (name,):
        return _replace(user_id, name, at=at)


def delete_avatar(user_id: int, *, at: datetime) -> User:
    """Forget a member's picture and its file.

    Raises:
        NotFound: the user is gone.
    """
    return _replace(user_id, "", at=at)


@transaction.atomic
def _replace(user_id: int, name: str, *, at: datetime) -> User:
    user = lock_user(user_id)
    if user is None:
        raise NotFound
    if user.avatar != name:
        outbox.publish(MEMBER_CHANGED, user_id=user_id)
    delete_after_commit([user.avatar])
    user.avatar, user.updated_at = name, at
    user.save(update_fields=["avatar", "updated_at"])
    return user
