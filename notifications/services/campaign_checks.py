"""Whether a campaign can go out: its segment, its link and its texts."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError

from core import links
from notifications.campaign_rules import language_fault, unknown_criteria, wording_faults
from notifications.models import Campaign
from notifications.ports import criteria, criterion_called
from notifications.selectors.campaigns import wordings


def segment_fault(segment: Mapping[str, Any]) -> str:
    """Say what is wrong with a segment; empty when nothing is."""
    if unknown := unknown_criteria(segment, (criterion.name for criterion in criteria())):
        return f"Nothing is known of {', '.join(unknown)}."
    for name, value in segment.items():
        criterion = criterion_called(name)
        assert criterion is not None
        try:
            criterion.field().clean(value)
        except ValidationError as error:
            return f"{criterion.label}: {' '.join(error.messages)}"
    return ""


def link_fault(link: str) -> str:
    """Say what is wrong with a campaign's link; empty when it leads into the app, or there is none."""
    if not link or links.target_of(link):
        return ""
    return f"This leads nowhere in the app. Links look like {links.link('product', 1)}."


def campaign_faults(campaign: Campaign) -> list[str]:
    """Say everything that keeps a campaign from going out."""
    texts = wordings(campaign)
    faults = [segment_fault(campaign.segment), link_fault(campaign.link), language_fault(texts)]
    for language, text in texts.items():
        faults += [f"{language}, {field}: {fault}" for field, fault in wording_faults(text).items()]
    return [fault for fault in faults if fault]
