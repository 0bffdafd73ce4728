"""Files of uploaded pictures, which no transaction rolls back."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction

from core.images import CleanImage, random_name


@contextmanager
def stored(folder: str, images: Sequence[CleanImage]) -> Iterator[list[str]]:
    """Write pictures under random names before the transaction within, and delete them when it fails."""
    names: list[str] = []
    try:
        for image in images:
            content = ContentFile(image.content)
            names.append(default_storage.save(f"{folder}/{random_name()}.jpg", content))
        yield names
    except BaseException:
        for name in names:
            default_storage.delete(name)
        raise


def delete_after_commit(names: Iterable[str | None]) -> None:
    """Delete files once the caller's transaction has let go of them; "" and None are no files."""
    for name in filter(None, names):
        transaction.on_commit(partial(default_storage.delete, name), robust=True)
