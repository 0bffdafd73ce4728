"""By what orders let campaigns choose members: when they last placed one that was not cancelled."""

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.contrib.auth import get_user_model
from django.db.models import Exists, OuterRef, QuerySet

from orders.models import Order
from orders.rules import Status

_LONGEST = 3650
NEVER, EVER = "never", "ever"


class OrderedWithin:
    """Members whose last order is at most so many days old."""

    name = "ordered_within_days"
    label = "Last order at most so many days ago"

    def field(self) -> forms.Field:
        return _days()

    def members(self, value: int, *, at: datetime) -> "QuerySet[Any, Any]":
        return _orders().filter(placed_at__gte=at - timedelta(days=value)).values_list("user_id", flat=True)


class NotOrderedFor:
    """Members who have ordered, but not for so many days."""

    name = "not_ordered_for_days"
    label = "Last order at least so many days ago"

    def field(self) -> forms.Field:
        return _days()

    def members(self, value: int, *, at: datetime) -> "QuerySet[Any, Any]":
        since = at - timedelta(days=value)
        return _members(
            Exists(_theirs().filter(placed_at__lte=since)), ~Exists(_theirs().filter(placed_at__gt=since))
        )


class HasOrdered:
    """Members who have never ordered, or who have."""

    name = "has_ordered"
    label = "Has ordered"

    def field(self) -> forms.Field:
        return forms.ChoiceField(
            required=False, choices=[("", "Whether or not"), (NEVER, "Never"), (EVER, "At least once")]
        )

    def members(self, value: str, *, at: datetime) -> "QuerySet[Any, Any]":
        return _members(~Exists(_theirs()) if value == NEVER else Exists(_theirs()))


CRITERIA = (OrderedWithin(), NotOrderedFor(), HasOrdered())


def _days() -> forms.Field:
    return forms.IntegerField(required=False, min_value=1, max_value=_LONGEST)


def _orders() -> QuerySet[Order]:
    return Order.objects.exclude(status=Status.CANCELLED.value).order_by()


def _theirs() -> QuerySet[Order]:
    return _orders().filter(user_id=OuterRef("pk"))


def _members(*conditions: Any) -> "QuerySet[Any, Any]":
    return get_user_model()._default_manager.filter(*conditions).values_list("pk", flat=True)
