"""The two forms of an order's page."""

import secrets
from collections.abc import Iterable
from typing import Any

from django import forms

from orders.models import OrderItem


class MoveForm(forms.Form):
    """Why an order is moved."""

    reason = forms.CharField(max_length=500, required=False, widget=forms.TextInput(attrs={"size": 80}))


class ReturnForm(forms.Form):
    """How many pieces of each line come back, and why.

    The reference is made with the form, so the same form sent twice is one return.
    """

    reference = forms.CharField(max_length=64, label="Reference (credit note)")
    reason = forms.CharField(max_length=500, widget=forms.TextInput(attrs={"size": 80}))

    def __init__(self, items: Iterable[OrderItem], *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("initial", {"reference": f"R-{secrets.token_hex(5).upper()}"})
        super().__init__(*args, **kwargs)
        self.items = list(items)
        for item in self.items:
            left = item.qty - item.returned_qty
            self.fields[f"item_{item.pk}"] = forms.IntegerField(
                min_value=0, max_value=left, required=False, disabled=left == 0, label=item.name
            )

    def rows(self) -> list[dict[str, Any]]:
        """Pair every line with its field, for the page."""
        return [
            {"item": item, "left": item.qty - item.returned_qty, "field": self[f"item_{item.pk}"]}
            for item in self.items
        ]

    def chosen(self) -> dict[int, int]:
        """Return order item id → pieces of the lines of which something comes back."""
        asked = ((item.pk, self.cleaned_data.get(f"item_{item.pk}")) for item in self.items)
        return {item_id: qty for item_id, qty in asked if qty}

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not self.errors and not self.chosen():
            raise forms.ValidationError("Say of at least one line how many pieces come back.")
        return cleaned
