"""Saving a product from a form that stood open while the shop went on selling."""

from typing import Any

from catalog.models import Product
from core import audit
from core.contracts import Actor

_AUDITED = ("price", "stock_is_tracked", "is_active")


def save_changed(product: Product, form: Any, *others: str) -> None:
    """Store the fields that the form changed: the rest, stock and rating above all, may have moved on."""
    if form.changed_data or others:
        product.save(update_fields={*form.changed_data, *others, "updated_at"})


def audit_product(actor: Actor, product: Product, form: Any) -> None:
    """Write down a changed price, and whatever else decides what is sold."""
    for name in _AUDITED:
        if name in form.changed_data:
            audit.record(
                actor=actor,
                action=f"product.{name}",
                target=product,
                before={name: form.initial[name]},
                after={name: getattr(product, name)},
            )
