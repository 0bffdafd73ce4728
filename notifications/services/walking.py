"""Walking a campaign's segment: by the members' ids, a chunk a transaction.

A chunk writes its messages and how far it came together, under the lock of the campaign's row: killed
anywhere, the walk goes on where it was, and of two walkers one passes on. Pausing and stopping wait for a
chunk to end.
"""

import logging
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Max, Q, QuerySet
from django.utils import timezone

from accounts.facade import reachable_members
from core.long_lists import AtLeast
from notifications.campaign_rules import STEPS, Step
from notifications.models import Campaign, PushNotification
from notifications.selectors.campaigns import (
    UNDECIDED,
    WINDOW,
    reach,
    segment_members,
    window_end,
    wordings,
)
from notifications.services.campaign_checks import campaign_faults
from notifications.services.campaign_messages import campaign_message, wording_for
from notifications.services.campaigns import give_back, lock_campaign
from notifications.services.fanning_out import STOPPED
from notifications.services.notifying import write_messages
from notifications.services.tallying import tally

logger = logging.getLogger(__name__)

Status = Campaign.Status
Push = PushNotification.Status

_CHUNK = 1000
"""Members that are written to in a transaction."""
_SWEPT = 2000
"""Pushes that are taken up again, or cancelled, in a transaction."""


def walk_due(*, seconds: float = 2) -> int:
    """Begin what is due and take every campaign on, a chunk each in turn, for so long; return the chunks.

    The seconds are few, so that beat's next run finds the worker free, and points are not kept waiting.
    """
    until = time.monotonic() + seconds
    chunks = 0
    while time.monotonic() < until:
        advanced = [_try_to_advance(campaign) for campaign in _active(timezone.now())]
        if not any(advanced):
            break
        chunks += sum(advanced)
    return chunks


def _active(at: datetime) -> QuerySet[Campaign]:
    return Campaign.objects.filter(
        Q(status=Status.SCHEDULED, scheduled_at__lte=at)
        | Q(status=Status.RUNNING)
        | Q(status=Status.STOPPED, finished_at=None)
    ).order_by("scheduled_at", "pk")


def _try_to_advance(campaign: Campaign) -> bool:
    """Advance one; a campaign that can't go on must not keep the others."""
    try:
        return _advance(campaign, timezone.now())
    except Exception:
        logger.exception("campaign %s can't go on now", campaign.pk)
        return False


def _advance(campaign: Campaign, at: datetime) -> bool:
    """Do the next thing for a campaign; return whether there was one."""
    if campaign.status == Status.SCHEDULED:
        return start(campaign.pk, at=at)
    if campaign.status == Status.STOPPED:
        cancelled = _sweep(campaign.pk, UNDECIDED, at, status=Push.CANCELLED, reason=STOPPED)
        return cancelled or _end(campaign.pk, at, left=UNDECIDED)
    # The sender puts pushes of a paused campaign aside, also while it is being resumed.
    if _sweep(campaign.pk, [Push.PAUSED], at, status=Push.PENDING, reason="", due_at=at):
        return True
    if campaign.walked_to < (campaign.walk_until or 0):
        return write_chunk(campaign.pk, at=at)
    return _end(campaign.pk, at, left=[*UNDECIDED, Push.SENDING])


def start(campaign_id: int, *, at: datetime) -> bool:
    """Let a campaign that is due begin, with how many it reaches; return whether there was anything to do.

    One that can't go out, because its tier was deleted since, becomes a draft again.
    """
    campaign = Campaign.objects.get(pk=campaign_id)
    faults = campaign_faults(campaign)
    counted = None if faults else reach(campaign.segment, campaign.notification_type, at=at).members
    last = reachable_members().aggregate(last=Max("pk"))["last"] or 0
    with transaction.atomic():
        campaign = lock_campaign(campaign_id)
        if campaign.status not in STEPS[Step.START] or (campaign.scheduled_at or at) > at:
            return False
        if faults:
            give_back(campaign, " ".join(faults))
            return True
        campaign.status, campaign.started_at, campaign.walk_until = Status.RUNNING, at, last
        campaign.reach = None if isinstance(counted, AtLeast) else counted
        campaign.save(update_fields=["status", "started_at", "walk_until", "reach", "updated_at"])
    return True


@transaction.atomic
def write_chunk(campaign_id: int, *, at: datetime) -> bool:
    """Write to the next members of a running campaign; False where somebody else does, or it does not run."""
    running = Campaign.objects.filter(pk=campaign_id, status=Status.RUNNING)
    campaign = running.select_for_update(no_key=True, skip_locked=True).first()
    if campaign is None or campaign.walk_until is None or campaign.started_at is None:
        return False
    end = min(window_end(campaign.walked_to, WINDOW) or campaign.walk_until, campaign.walk_until)
    # As of the start: a walk that takes a night judges its last members as its first.
    found = segment_members(campaign.segment, at=campaign.started_at)
    window = found.filter(pk__gt=campaign.walked_to, pk__lte=end)
    members = list(window.values_list("pk", "first_name", "language")[:_CHUNK])
    texts = wordings(campaign)
    campaign.written += write_messages(
        [
            campaign_message(campaign, wording_for(language, texts), user_id=user_id, first_name=first_name)
            for user_id, first_name, language in members
        ],
        due=at,
    )
    campaign.walked_to = members[-1][0] if len(members) == _CHUNK else end
    campaign.save(update_fields=["walked_to", "written", "updated_at"])
    return True


def _sweep(campaign_id: int, statuses: Sequence[str], at: datetime, **changed: Any) -> bool:
    """Change some of a campaign's pushes of these statuses; return whether there were any.

    What the sender is deciding on is left for the next time.
    """
    pushes = PushNotification.objects.filter(campaign_id=campaign_id, status__in=statuses).order_by()
    with transaction.atomic():
        ids = list(pushes.select_for_update(skip_locked=True).values_list("pk", flat=True)[:_SWEPT])
        PushNotification.objects.filter(pk__in=ids).update(updated_at=at, **changed)
        if ids and changed["status"] == Push.CANCELLED:
            tally({(Push.CANCELLED, changed["reason"]): len(ids)})
    return bool(ids)


def _end(campaign_id: int, at: datetime, *, left: Sequence[str]) -> bool:
    """Mark a campaign as finished once none of its pushes is in one of these statuses; always False: after it
    there is nothing to do."""
    if PushNotification.objects.filter(campaign_id=campaign_id, status__in=left).exists():
        return False
    with transaction.atomic():
        campaign = lock_campaign(campaign_id)
        if campaign.status in STEPS[Step.FINISH]:
            campaign.status = Status.DONE
        elif campaign.status != Status.STOPPED:
            return False
        campaign.finished_at = at
        campaign.save(update_fields=["status", "finished_at", "updated_at"])
    return False
