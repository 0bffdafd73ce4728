"""Pictures from outside: looked at, turned upright, made small, and written anew."""

import secrets
import warnings
from dataclasses import dataclass
from io import BytesIO
from typing import IO, Any

from django.conf import settings
from PIL import Image, ImageOps

from core.errors import DomainError

MAX_SIDE = 1600
_MOST_PIXELS = 40_000_000
_FORMATS = ("JPEG", "PNG", "WEBP")
_QUALITY = 85


class ImageTooLarge(DomainError):
    """More bytes or more pixels than are looked at."""

    code, status, title = "image_too_large", 400, "The picture is too large"


class NotAnImage(DomainError):
    """No JPEG, PNG or WebP, or one that breaks off."""

    code, status, title = "not_an_image", 400, "Not a JPEG, PNG or WebP picture"


@dataclass(frozen=True, slots=True)
class CleanImage:
    """A JPEG that this program wrote."""

    content: bytes
    width: int
    height: int


def clean_image(upload: IO[Any], *, max_side: int = MAX_SIDE) -> CleanImage:
    """Read a picture and write it anew as a JPEG no longer than `max_side` pixels either way.

    Where it was taken and with what (EXIF) is gone; what was transparent is white.

    Raises:
        ImageTooLarge: it has more than `MAX_IMAGE_BYTES` bytes, or 40 million pixels.
        NotAnImage: it is no JPEG, PNG or WebP, whatever its name says, or it breaks off.
    """
    limit = settings.MAX_IMAGE_BYTES
    raw = upload.read(limit + 1)
    if len(raw) > limit:
        raise ImageTooLarge(f"A picture may have {limit} bytes.", limit=limit)
    try:
        with warnings.catch_warnings():
            # Pillow warns of what its own limit finds large and of odd EXIF; the limit here is below it.
            warnings.simplefilter("ignore")
            with Image.open(BytesIO(raw), formats=_FORMATS) as opened:
                if opened.width * opened.height > _MOST_PIXELS:
                    raise ImageTooLarge(f"A picture may have {_MOST_PIXELS} pixels.", pixels=_MOST_PIXELS)
                opened.draft("RGB", (max_side, max_side))
                upright = ImageOps.exif_transpose(opened)
                upright.thumbnail((max_side, max_side))
                picture = _on_white(upright)
    except DomainError:
        raise
    except Image.DecompressionBombError as error:  # so large that Pillow refuses before it is measured here
        raise ImageTooLarge(f"A picture may have {_MOST_PIXELS} pixels.", pixels=_MOST_PIXELS) from error
    except Exception as error:
        # Decoders raise whatever they like on broken input (OSError, SyntaxError, struct.error, ...).
        raise NotAnImage from error
    written = BytesIO()
    picture.save(written, "JPEG", quality=_QUALITY, optimize=True)
    return CleanImage(written.getvalue(), picture.width, picture.height)


def random_name() -> str:
    """Draw a file name that nobody guesses: 128 bits, in hex."""
    return secrets.token_hex(16)


def _on_white(image: Image.Image) -> Image.Image:
    if not image.has_transparency_data:
        return image.convert("RGB")
    clear = image.convert("RGBA")
    white = Image.new("RGB", clear.size, "white")
    white.paste(clear, mask=clear.getchannel("A"))
    return white
