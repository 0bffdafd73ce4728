"""By what notifications itself lets campaigns choose members."""

from datetime import datetime
from typing import Any

from django import forms
from django.db.models import QuerySet

from accounts.facade import members_reading
from notifications.models.campaigns import LANGUAGE


class Language:
    """Members who read a language, with whatever region."""

    name = "language"
    label = "Language"

    def field(self) -> forms.Field:
        return forms.CharField(
            required=False,
            max_length=12,
            validators=[LANGUAGE],
            help_text="A tag: en is everybody who reads English, en-ZA only those of that region.",
        )

    def members(self, value: str, *, at: datetime) -> "QuerySet[Any, Any]":
        return members_reading(value)
