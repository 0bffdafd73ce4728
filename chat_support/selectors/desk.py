"""The desk's terms as they are now, never from a cache: a change counts at once."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Count, F, Q, QuerySet

from chat_support.models import Agent, CannedAnswer, Holiday, SupportTarget, WorkingHours
from chat_support.rules import UNSOLVED, Calendar


@dataclass(frozen=True, slots=True)
class Target:
    """The working time in which a ticket is to be answered first, and solved."""

    first_answer: timedelta
    solution: timedelta


def calendar() -> Calendar:
    """Return when the desk is open, in the programme's time zone."""
    hours = WorkingHours.objects.values_list("weekday", "opens", "closes")
    return Calendar(
        zone=ZoneInfo(settings.TIME_ZONE),
        hours={weekday: (opens, closes) for weekday, opens, closes in hours},
        holidays=frozenset(Holiday.objects.values_list("day", flat=True)),
    )


def target_of(priority: str) -> Target | None:
    """Return the target of a priority, or None where there is none."""
    target = SupportTarget.objects.filter(priority=priority).first()
    if target is None:
        return None
    return Target(timedelta(minutes=target.first_answer_minutes), timedelta(minutes=target.solution_minutes))


def agents() -> QuerySet[Any]:
    """Return the agents who are not blocked, with `unsolved`: how many tickets each has to solve."""
    unsolved = Count("user__assigned_tickets", filter=Q(user__assigned_tickets__status__in=UNSOLVED))
    return (
        Agent.objects.filter(user__is_active=True)
        .select_related("user")
        .annotate(unsolved=unsolved)
        .order_by(F("on_duty").desc(), "user__username")
    )


def is_on_duty(user_id: int) -> bool:
    """Say whether somebody is given tickets."""
    return Agent.objects.filter(user_id=user_id, on_duty=True).exists()


def canned_answers() -> QuerySet[CannedAnswer]:
    """Return the texts that agents may use."""
    return CannedAnswer.objects.filter(is_active=True)
