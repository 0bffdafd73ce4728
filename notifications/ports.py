"""What campaigns ask of apps above: whom a criterion of theirs matches."""

from collections.abc import Sequence
from datetime import datetime
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

    def members(self, value: Any, *, at: datetime) -> "QuerySet[Any, Any]":
        """Return the ids of the members that match, as a queryset of one column; `value` is the cleaned one,
        as JSON keeps it.

        It is asked for with `id IN (…)` for some thousand ids at a time: what makes PostgreSQL work out all
        members first (GROUP BY, DISTINCT, a window) is done over and over. `at` is the same for a whole walk.
        """
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


def criterion_called(name: str) -> Criterion | None:
    """Return the criterion of that name, or None."""
    return _criteria.get(name)
