"""Deleting old rows while the site serves."""

from typing import Any

from django.db import models, transaction

_CHUNK = 5000


def forget(rows: "models.QuerySet[Any, Any]", *, wait: bool = False) -> int:
    """Delete the rows, a chunk a transaction; return how many.

    What somebody has locked stays for later; with `wait`, it is waited for.
    """
    model: type[models.Model] = rows.model
    deleted = 0
    while True:
        ids = rows.order_by("pk").values("pk").select_for_update(skip_locked=not wait)[:_CHUNK]
        with transaction.atomic():
            _, by_model = model._default_manager.filter(pk__in=ids).delete()
        gone = by_model.get(model._meta.label, 0)
        deleted += gone
        if gone < _CHUNK:
            return deleted
