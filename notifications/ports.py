"""What campaigns ask of apps above: whom a criterion of theirs matches."""

from collections.abc import Sequence
from typing import Any, Protocol

from django import forms
from django.db.models import QuerySet


class Criterion(Protocol):
    """One thing that members can be chosen by, such as their tier."""

    name: str
    label: str

    def field(self) -> forms.Field:
        """Return the form's field for its value; it is not required: empty means everybody."""
        ...

    def members(self, value: Any) -> "QuerySet[Any, Any]":
        """Return the ids of the members that match, as a queryset of one column; `value` is the cleaned one,
        as JSON keeps it."""
        ...


_criteria: dict[str, Criterion] = {}


def register(criterion: Criterion) -> None:
    """Add a criterion, in an app's `AppConfig.ready`."""
    if criterion.name in _criteria:
        raise ValueError(f"two criteria are called {criterion.name}")
    _criteria[criterion.name] = criterion


def criteria() -> Sequence[Criterion]:
    """Return every criterion, in the order of their registration."""
    return tuple(_criteria.values())
