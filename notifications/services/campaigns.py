"""What staff do with a campaign: each step once, under its row's lock, audited."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from core import audit
from core.contracts import SYSTEM, Actor
from core.errors import DomainError, NotFound
from notifications.campaign_rules import STEPS, Step, is_taken
from notifications.models import Campaign, CampaignText
from notifications.services.campaign_checks import campaign_faults

Status = Campaign.Status


class StepNotPossible(DomainError):
    """The campaign is not where this step begins."""

    code, status, title = "campaign_step_not_possible", 409, "This can't be done with the campaign now"


class CampaignIncomplete(DomainError):
    """Its texts or its segment can't be used as they are."""

    code, status, title = "campaign_incomplete", 400, "The campaign can't go out as it is"


@transaction.atomic
def ensure_campaign(
    *, name: str, texts: Mapping[str, tuple[str, str]], segment: Mapping[str, Any], link: str = ""
) -> int:
    """Make a draft of a name, unless there is a campaign of that name; return its id.

    `texts` are titles and bodies by language, without a fact.
    """
    campaign, is_new = Campaign.objects.get_or_create(name=name, defaults={"segment": segment, "link": link})
    if is_new:
        CampaignText.objects.bulk_create(
            CampaignText(campaign=campaign, language=language, title=title, body=body)
            for language, (title, body) in texts.items()
        )
    return campaign.pk


@transaction.atomic
def schedule_campaign(*, campaign_id: int, scheduled_at: datetime, actor: Actor) -> Campaign:
    """Let a draft go out at a time; the same again changes nothing.

    Raises:
        NotFound: there is no such campaign.
        StepNotPossible: it is no draft, or is scheduled for another time.
        CampaignIncomplete: its texts, its link or its segment can't be used.
    """
    campaign = lock_campaign(campaign_id)
    if is_taken(Step.SCHEDULE, campaign.status) and campaign.scheduled_at == scheduled_at:
        return campaign
    _require(Step.SCHEDULE, campaign)
    if faults := campaign_faults(campaign):
        raise CampaignIncomplete(" ".join(faults))
    return _take(Step.SCHEDULE, campaign, actor, scheduled_at=scheduled_at)


@transaction.atomic
def move_campaign(*, campaign_id: int, step: Step, actor: Actor, at: datetime) -> Campaign:
    """Withdraw, pause, resume or stop a campaign; the same again changes nothing.

    Who is being written to now is told still; what was written and has not gone out rests with a paused
    campaign and is cancelled with a stopped one.

    Raises:
        NotFound: there is no such campaign.
        StepNotPossible: it is not where the step begins.
    """
    campaign = lock_campaign(campaign_id)
    if is_taken(step, campaign.status):
        return campaign
    _require(step, campaign)
    # A stopped one is finished once the last of its pushes is cancelled; before it began there are none.
    ended: dict[str, Any] = {"finished_at": at} if step is Step.STOP and campaign.started_at is None else {}
    return _take(step, campaign, actor, **ended)


def give_back(campaign: Campaign, reason: str) -> None:
    """Make a locked campaign that can't begin a draft again, and say why in the audit trail."""
    _take(Step.WITHDRAW, campaign, SYSTEM, reason=reason)


def lock_campaign(campaign_id: int) -> Campaign:
    """Lock a campaign's row.

    Raises:
        NotFound: there is none.
    """
    campaign = Campaign.objects.select_for_update(no_key=True).filter(pk=campaign_id).first()
    if campaign is None:
        raise NotFound("There is no such campaign.")
    return campaign


def _require(step: Step, campaign: Campaign) -> None:
    if campaign.status not in STEPS[step]:
        raise StepNotPossible(f"The campaign is {campaign.status}: {step} is not possible.")


def _take(step: Step, campaign: Campaign, actor: Actor, reason: str = "", **changed: Any) -> Campaign:
    """Move a locked campaign by the table, change fields with it, and write both down."""
    changed["status"] = STEPS[step][campaign.status]
    before = {name: getattr(campaign, name) for name in changed}
    for name, value in changed.items():
        setattr(campaign, name, value)
    campaign.save(update_fields=[*changed, "updated_at"])
    audit.record(
        actor=actor, action=f"campaign.{step}", target=campaign, before=before, after=changed, reason=reason
    )
    return campaign
