"""The trail of changes that an admin or an integrator makes to money, points and what governs them."""

from collections.abc import Mapping
from typing import Any

from django.db import models

from core.contracts import Actor
from core.models import AuditEntry


def record(
    *,
    actor: Actor,
    action: str,
    target: models.Model | str,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    reason: str = "",
) -> AuditEntry:
    """Write down a change, in the transaction that makes it.

    `target` is a row, written as `app.model:pk`, or a name; `before` and `after` hold the changed fields.
    """
    return AuditEntry.objects.create(
        actor=actor.label,
        user_id=actor.user_id,
        action=action,
        target=target if isinstance(target, str) else f"{target._meta.label_lower}:{target.pk}",
        before=dict(before),
        after=dict(after),
        reason=reason,
    )
