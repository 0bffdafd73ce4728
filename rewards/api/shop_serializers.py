"""The shapes of what shops ask and change of a member's points."""

from typing import Any

from django.core.validators import RegexValidator
from rest_framework import serializers

from core.api.fields import Text
from core.api.serializers import Input
from rewards.api.serializers import BalanceOutput, LoyaltyStatusOutput
from rewards.services.adjustment import MOST_POINTS

_LONGEST_KEY = 100


class ShopMemberOutput(BalanceOutput, LoyaltyStatusOutput):
    external_id = serializers.CharField()


class ShopPointsInput(Input):
    points = serializers.IntegerField(
        min_value=-MOST_POINTS, max_value=MOST_POINTS, help_text="Above 0 to add, below to take; not 0."
    )
    reason = Text(max_length=200, help_text="The member sees it.")
    key = Text(
        max_length=_LONGEST_KEY,
        validators=[RegexValidator(r"^[!-~]+\Z", "Visible ASCII characters alone.")],
        help_text="Your own name for this adjustment, for ever: visible ASCII, once a member.",
    )


class ShopPointsOutput(serializers.Serializer[Any]):
    external_id = serializers.CharField()
    key = serializers.CharField()
    points = serializers.IntegerField()
    current_points = serializers.IntegerField(help_text="What can be spent now.")
    debt_points = serializers.IntegerField()
    lifetime_points = serializers.IntegerField()
