"""By what rewards let campaigns choose members: their tier, and points that are about to expire."""

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.contrib.auth import get_user_model
from django.db.models import Exists, OuterRef, QuerySet

from rewards.models import LoyaltyTier, PointLot, UserPoints


class InTier:
    """Members of some tiers, as their points were last posted; without an account they are in the first."""

    name = "tiers"
    label = "Tiers"

    def field(self) -> forms.Field:
        return forms.TypedMultipleChoiceField(
            required=False,
            coerce=int,
            choices=_tiers,
            widget=forms.CheckboxSelectMultiple,
            help_text="None means any.",
        )

    def members(self, value: Collection[int], *, at: datetime) -> "QuerySet[Any, Any]":
        in_tiers = UserPoints.objects.order_by()
        if not LoyaltyTier.objects.filter(pk__in=value, min_points=0).exists():
            return in_tiers.filter(tier_id__in=value).values_list("user_id", flat=True)
        elsewhere = in_tiers.exclude(tier_id__in=value).filter(user_id=OuterRef("pk"), tier_id__isnull=False)
        return get_user_model()._default_manager.filter(~Exists(elsewhere)).values_list("pk", flat=True)


class PointsExpireWithin:
    """Members some of whose points go within so many days."""

    name = "points_expire_within_days"
    label = "Points expire within so many days"

    def field(self) -> forms.Field:
        return forms.IntegerField(required=False, min_value=1, max_value=365)

    def members(self, value: int, *, at: datetime) -> "QuerySet[Any, Any]":
        ending = PointLot.objects.filter(
            remaining__gt=0, expires_at__gt=at, expires_at__lt=at + timedelta(days=value)
        )
        return ending.order_by().values_list("user_id", flat=True)


CRITERIA = (InTier(), PointsExpireWithin())


def _tiers() -> Iterator[tuple[int, str]]:
    yield from LoyaltyTier.objects.values_list("pk", "name")
