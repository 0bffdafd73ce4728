"""What other apps may read of members."""

from collections.abc import Iterable
from zoneinfo import ZoneInfo

from accounts.contracts import MemberLocale
from accounts.models import User


def member_locales(user_ids: Iterable[int]) -> dict[int, MemberLocale]:
    """Return the language and the time zone of those of the members who are there and not blocked."""
    rows = User.objects.filter(pk__in=set(user_ids), is_active=True)
    return {
        user_id: MemberLocale(language, ZoneInfo(zone))
        for user_id, language, zone in rows.values_list("pk", "language", "time_zone")
    }
