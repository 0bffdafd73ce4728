"""A campaign's message to a member, and a test of it to whoever writes it."""

from collections.abc import Mapping
from uuid import uuid4

from django.db import transaction
from django.utils import timezone

from core import audit, links
from core.contracts import Actor
from core.errors import NotFound
from notifications.campaign_rules import FIRST_NAME, Wording, wording_faults
from notifications.contracts import Purpose
from notifications.models import Campaign, InboxMessage
from notifications.selectors.campaigns import wordings
from notifications.selectors.texts import Text, tags
from notifications.services.notifying import write_messages

KIND = "campaign"


def wording_for(language: str, texts: Mapping[str, Wording]) -> Wording:
    """Return the text for a reader of a language.

    Raises:
        LookupError: there is neither one in theirs nor an English one.
    """
    for tag in tags(language):
        if tag in texts:
            return texts[tag]
    raise LookupError(f"no text for {language}")


def filled(text: Wording, first_name: str) -> Text:
    """Put the facts into a text."""
    return Text(text.title, text.body).filled({FIRST_NAME: first_name.strip() or text.without_name})


def campaign_message(campaign: Campaign, text: Wording, *, user_id: int, first_name: str) -> InboxMessage:
    """Write what a campaign tells one member, not yet stored; its key lets them have it once."""
    shown = filled(text, first_name)
    return InboxMessage(
        user_id=user_id,
        campaign=campaign,
        key=f"campaign:{campaign.pk}",
        kind=KIND,
        category=campaign.notification_type,
        notification_type=campaign.notification_type,
        title=shown.title,
        body=shown.body,
        link=campaign.link or links.link("inbox"),
    )


@transaction.atomic
def send_test(*, campaign_id: int, user_id: int, first_name: str, actor: Actor) -> int:
    """Send each of a campaign's texts to one of the staff, at once; return how many.

    They count neither for the campaign nor for the day's marketing, and no quiet hours hold them back. A text
    that can't be filled is left out.

    Raises:
        NotFound: there is no such campaign.
    """
    campaign = Campaign.objects.filter(pk=campaign_id).first()
    if campaign is None:
        raise NotFound("There is no such campaign.")
    messages = []
    for language, text in wordings(campaign).items():
        if not wording_faults(text):
            message = campaign_message(campaign, text, user_id=user_id, first_name=first_name)
            message.campaign = None
            message.key = f"campaign-test:{campaign.pk}:{language}:{uuid4()}"
            message.category = message.notification_type = Purpose.TRANSACTIONAL.value
            messages.append(message)
    audit.record(actor=actor, action="campaign.test", target=campaign, before={}, after={})
    return write_messages(messages, due=timezone.now())
