"""What other apps may read of members."""

from collections.abc import Iterable
from zoneinfo import ZoneInfo

from django.db.models import Q, QuerySet

from accounts.contracts import MemberLocale
from accounts.models import User


def member_locales(user_ids: Iterable[int]) -> dict[int, MemberLocale]:
    """Return the language and the time zone of those of the members who are there and not blocked."""
    rows = User.objects.filter(pk__in=set(user_ids), is_active=True)
    return {
        user_id: MemberLocale(language, ZoneInfo(zone))
        for user_id, language, zone in rows.values_list("pk", "language", "time_zone")
    }


def reachable_members() -> QuerySet[User]:
    """Return everybody who may be written to: all but the blocked."""
    return User.objects.filter(is_active=True)


def members_reading(language: str) -> "QuerySet[User, int]":
    """Return the ids of those who read a language, or one of its regions' where the tag has none."""
    return User.objects.filter(Q(language=language) | Q(language__startswith=f"{language}-")).values_list(
        "pk", flat=True
    )
