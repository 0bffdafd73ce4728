"""The form of a campaign: a field for each criterion, and its texts."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone

from core.long_lists import AtLeast
from notifications.campaign_rules import FACTS, FIRST_NAME, Wording, language_fault, wording_faults
from notifications.models import CampaignText
from notifications.ports import criteria, criterion_called
from notifications.selectors.campaigns import Reach
from notifications.selectors.texts import Text
from notifications.services.campaign_checks import link_fault
from notifications.services.campaign_messages import filled

LOOK, BACK = "_look", "_back"
_PREFIX = "segment_"


class CampaignForm(forms.ModelForm):  # type: ignore[type-arg]
    """Subclasses have the criteria's fields (`campaign_form`); the segment is put together from them."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, value in self.instance.segment.items():
            self.initial.setdefault(_PREFIX + name, value)

    def is_valid(self) -> bool:
        # Looking over and coming back from it show the form with what was typed, and save nothing.
        return super().is_valid() and not {LOOK, BACK} & set(self.data)

    def clean_link(self) -> str:
        link: str = self.cleaned_data["link"]
        if fault := link_fault(link):
            raise ValidationError(fault)
        return link

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        chosen = {criterion.name: cleaned.get(_PREFIX + criterion.name) for criterion in criteria()}
        self.instance.segment = {
            name: value for name, value in chosen.items() if value not in (None, "", [], False)
        }
        return cleaned


def campaign_form() -> type[CampaignForm]:
    """Make the form with the criteria that there are."""
    fields = {}
    for criterion in criteria():
        field = criterion.field()
        field.label = criterion.label
        fields[_PREFIX + criterion.name] = field
    return type("CampaignForm", (CampaignForm,), fields)


def segment_fields() -> tuple[str, ...]:
    """Name the fields that choose members."""
    return tuple(_PREFIX + criterion.name for criterion in criteria())


def shown_segment(segment: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Write a segment for people: what is asked, and what it must be."""
    shown = []
    for name, value in segment.items():
        criterion = criterion_called(name)
        if criterion is None:
            shown.append((name, f"{value} (nothing is known of it)"))
            continue
        choices = dict(getattr(criterion.field(), "choices", ()))
        values = value if isinstance(value, list) else [value]
        shown.append((criterion.label, ", ".join(str(choices.get(one, one)) for one in values)))
    return shown


class TextForm(forms.ModelForm):  # type: ignore[type-arg]
    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        text = Wording(*(cleaned.get(name, "") for name in ("language", "title", "body", "without_name")))
        for field, fault in wording_faults(text).items():
            self.add_error(field, fault)
        return cleaned


class TextFormSet(forms.BaseInlineFormSet):  # type: ignore[type-arg]
    def clean(self) -> None:
        super().clean()
        if not any(self.errors) and (fault := language_fault(text.language for text in self.texts())):
            raise ValidationError(fault)

    def texts(self) -> list[CampaignText]:
        """Return the texts that saving leaves."""
        kept = (form for form in self.forms if form.cleaned_data and not form.cleaned_data.get("DELETE"))
        return [form.instance for form in kept]


def shown_texts(texts: Iterable[Wording]) -> list[tuple[str, Text]]:
    """Return each text as members see it, one with a name and one without where that differs."""
    shown = []
    for text in texts:
        if wording_faults(text):
            continue
        named, nameless = filled(text, FACTS[FIRST_NAME]), filled(text, "")
        shown.append((text.language, named))
        if nameless != named:
            shown.append((f"{text.language}, without a name", nameless))
    return shown


def shown_reach(found: Reach) -> str:
    """Write whom a segment reaches."""
    members, devices = (
        str(count) if isinstance(count, AtLeast) else f"{count:,}"
        for count in (found.members, found.with_device)
    )
    return f"{members} {'member' if found.members == 1 else 'members'}, {devices} of them with a device."


class ScheduleForm(forms.Form):
    """When a campaign begins."""

    begins_at = forms.DateTimeField(
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        help_text="By the programme's clock; empty means at once.",
    )

    def clean_begins_at(self) -> datetime:
        at: datetime | None = self.cleaned_data["begins_at"]
        now = timezone.now()
        if at is not None and at < now:
            raise ValidationError("This time has passed. Leave it empty to begin at once.")
        return at or now
