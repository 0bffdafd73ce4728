"""Changing the shop's terms: every change is audited."""

from django.db import transaction

from core import audit
from core.contracts import Actor
from orders.checkout_models import CheckoutSettings

_NAMES = [
    field.name
    for field in CheckoutSettings._meta.concrete_fields
    if field.name not in ("id", "created_at", "updated_at")
]


@transaction.atomic
def save_checkout_settings(settings: CheckoutSettings, *, actor: Actor) -> None:
    """Save the terms that staff changed, for baskets priced from now on, and write who changed what."""
    stored = CheckoutSettings.objects.select_for_update().get(pk=settings.pk)
    settings.save(update_fields=[*_NAMES, "updated_at"])
    changed = [name for name in _NAMES if getattr(stored, name) != getattr(settings, name)]
    if changed:
        audit.record(
            actor=actor,
            action="checkoutsettings.change",
            target=settings,
            before={name: getattr(stored, name) for name in changed},
            after={name: getattr(settings, name) for name in changed},
        )
