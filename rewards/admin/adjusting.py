"""The forms of adjusting points: whose, how many, and why."""

import uuid

from django import forms

from core.member_search import SEARCH_HELP, members_called
from core.shown import counted
from rewards.services.adjustment import MOST_POINTS


class AdjustForm(forms.Form):
    """How many points, and why; the key is made with the form, so the same form sent twice adjusts once."""

    points = forms.IntegerField(
        min_value=-MOST_POINTS,
        max_value=MOST_POINTS,
        help_text="Up (500) or down (-500). What a taking finds no points for becomes debt.",
    )
    reason = forms.CharField(
        max_length=200,
        label="Why",
        widget=forms.TextInput(attrs={"size": 80}),
        help_text="The member reads it in their history; it is kept in the audit trail, too.",
    )
    key = forms.UUIDField(widget=forms.HiddenInput, initial=uuid.uuid4)

    def clean_points(self) -> int:
        points: int = self.cleaned_data["points"]
        if not points:
            raise forms.ValidationError("Zero points change nothing.")
        return points


class FindForm(forms.Form):
    """Who gets the points: also somebody who has none yet and so is not in the list."""

    member = forms.CharField(max_length=254, help_text=SEARCH_HELP)

    def clean_member(self) -> int:
        found = members_called(self.cleaned_data["member"].strip())
        if len(found) != 1:
            raise forms.ValidationError(
                f"{counted(len(found), 'member is', 'members are')} called that: it takes exactly one."
            )
        return found[0]
