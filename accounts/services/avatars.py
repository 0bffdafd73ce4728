"""Members' pictures."""

import io
import secrets
import warnings
from datetime import datetime
from functools import partial
from typing import IO

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from PIL import Image, ImageOps

from accounts.models import User
from accounts.services.sessions import lock_user
from core.errors import DomainError, NotFound

FOLDER = "avatars"
SIDE = 512
_FORMATS = ("JPEG", "PNG", "WEBP")
# A few kilobytes can unpack to gigabytes; a phone's camera makes some 50 million.
_MOST_PIXELS = 64_000_000


class NotAPicture(DomainError):
    """The file is no JPEG, PNG or WebP that can be read, or has too many pixels."""

    code, status, title = "not_a_picture", 400, "This is not a picture that can be used"


def set_avatar(user_id: int, upload: IO[bytes], *, at: datetime) -> User:
    """Keep a picture, made anew from its pixels (no metadata, at most 512 × 512), under a random name.

    Raises:
        NotAPicture: see there.
        NotFound: the user is gone.
    """
    name = default_storage.save(f"{FOLDER}/{secrets.token_hex(16)}.jpg", ContentFile(_made_anew(upload)))
    try:
        return _replace(user_id, name, at=at)
    except BaseException:
        default_storage.delete(name)
        raise


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
    if user.avatar:
        transaction.on_commit(partial(default_storage.delete, user.avatar), robust=True)
    user.avatar, user.updated_at = name, at
    user.save(update_fields=["avatar", "updated_at"])
    return user


def _made_anew(upload: IO[bytes]) -> bytes:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(upload, formats=_FORMATS) as opened:
                if opened.width * opened.height > _MOST_PIXELS:
                    raise NotAPicture("It has too many pixels.")
                opened.draft("RGB", (SIDE * 2, SIDE * 2))  # a JPEG is unpacked no larger than is needed
                picture = ImageOps.exif_transpose(opened).convert("RGBA")
    except NotAPicture:
        raise
    except Exception:  # Pillow's readers raise whatever the broken file makes them
        raise NotAPicture("It is no JPEG, PNG or WebP picture.") from None
    picture.thumbnail((SIDE, SIDE))
    ground = Image.new("RGB", picture.size, "white")
    ground.paste(picture, mask=picture.getchannel("A"))
    written = io.BytesIO()
    ground.save(written, "JPEG", quality=85, optimize=True)
    return written.getvalue()
