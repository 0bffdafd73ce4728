"""What agents fill in on a ticket's page."""

from typing import Any
from uuid import uuid4

from django import forms

from chat_support.models import SupportTicket
from chat_support.selectors.desk import agents, canned_answers


class AnswerForm(forms.Form):
    """An answer, typed or begun with a canned one; `key` lets an impatient second click write nothing."""

    canned: Any = forms.ModelChoiceField(
        queryset=None, required=False, empty_label="Canned answer …", label="Begin with"
    )
    text = forms.CharField(
        max_length=5000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 5, "class": "vLargeTextField"}),
    )
    key = forms.UUIDField(widget=forms.HiddenInput, initial=uuid4)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["canned"].queryset = canned_answers()  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """Put the canned answer before what was typed; one of the two is needed."""
        cleaned = super().clean() or {}
        canned = cleaned.get("canned")
        parts = [canned.text if canned else "", cleaned.get("text", "")]
        cleaned["answer"] = "\n\n".join(part for part in parts if part)
        if not cleaned["answer"]:
            self.add_error("text", "Write an answer.")
        elif len(cleaned["answer"]) > 5000:
            self.add_error("text", "With the canned answer it is longer than 5,000 characters.")
        return cleaned


class AssignForm(forms.Form):
    agent = forms.TypedChoiceField(coerce=int, label="Give it to")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["agent"].choices = [  # type: ignore[attr-defined]
            (
                agent.pk,
                f"{agent.user.get_username()} ({agent.unsolved}{'' if agent.on_duty else ', off duty'})",
            )
            for agent in agents()
        ]


class PriorityForm(forms.Form):
    priority = forms.ChoiceField(choices=SupportTicket.Priority.choices)
