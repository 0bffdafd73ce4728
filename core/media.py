"""Serving uploaded pictures, where no web server in front does."""

from pathlib import PurePosixPath

from django.conf import settings
from django.http import FileResponse, Http404, HttpRequest, HttpResponseBase
from django.utils._os import safe_join
from django.views.decorators.http import require_safe

# Names are random and never written twice.
_FOREVER = "public, max-age=31536000, immutable"
_TYPES = {".jpg": "image/jpeg", ".png": "image/png", ".webp": "image/webp"}


@require_safe
def serve(request: HttpRequest, path: str) -> HttpResponseBase:
    """Answer with one picture under MEDIA_ROOT: whoever knows its random name may see it."""
    content_type = _TYPES.get(PurePosixPath(path).suffix)
    if content_type is None:
        raise Http404
    try:
        opened = open(safe_join(settings.MEDIA_ROOT, path), "rb")  # noqa: SIM115 - the response closes it
    except (OSError, ValueError):  # SuspiciousFileOperation answers 400 by itself
        raise Http404 from None
    return FileResponse(opened, content_type=content_type, headers={"Cache-Control": _FOREVER})
