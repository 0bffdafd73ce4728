"""Campaigns as tests want them."""

import itertools
from datetime import time, timedelta
from typing import Any

from django.utils import timezone

from accounts.models import User
from core.contracts import SYSTEM
from notifications.models import Campaign, CampaignText, QuietHours
from notifications.services.campaigns import schedule_campaign
from tests.accounts.factories import make_user
from tests.notifications.factories import make_device

_numbers = itertools.count(1)


def make_campaign(*, texts: dict[str, tuple[str, str]] | None = None, **fields: Any) -> Campaign:
    """A draft to everybody, in English unless other texts are given."""
    campaign = Campaign.objects.create(**{"name": f"Campaign {next(_numbers)}", **fields})
    for language, (title, body) in (texts or {"en": ("Sale", "Come and see")}).items():
        CampaignText.objects.create(
            campaign=campaign, language=language, title=title, body=body, without_name="friend"
        )
    return campaign


def scheduled(**fields: Any) -> Campaign:
    """A campaign that is due."""
    campaign = make_campaign(**fields)
    at = timezone.now() - timedelta(seconds=1)
    return schedule_campaign(campaign_id=campaign.pk, scheduled_at=at, actor=SYSTEM)


def members(count: int, **fields: Any) -> list[User]:
    """Members with a phone each, whom no quiet hours keep from hearing."""
    made = [make_user(**fields) for _ in range(count)]
    for member in made:
        make_device(member)
        QuietHours.objects.create(user=member, begins=time(0), ends=time(0))
    return made
