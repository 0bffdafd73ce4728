"""What other apps may read of members."""

from collections.abc import Iterable
from zoneinfo import ZoneInfo

from django.core.files.storage import default_storage

from accounts.contracts import ChatMember, MemberLocale
from accounts.models import User


def chat_members(user_ids: Iterable[int]) -> dict[int, ChatMember]:
    """Return what a chat needs to know of those of the members who are there, blocked or not."""
    rows = User.objects.filter(pk__in=set(user_ids))
    return {
        user_id: ChatMember(
            user_id, chat_id, first_name, default_storage.url(avatar) if avatar else "", is_staff
        )
        for user_id, chat_id, first_name, avatar, is_staff in rows.values_list(
            "pk", "stream_chat_user_id", "first_name", "avatar", "is_staff"
        )
    }


def member_locales(user_ids: Iterable[int]) -> dict[int, MemberLocale]:
    """Return the language and the time zone of those of the members who are there and not blocked."""
    rows = User.objects.filter(pk__in=set(user_ids), is_active=True)
    return {
        user_id: MemberLocale(language, ZoneInfo(zone))
        for user_id, language, zone in rows.values_list("pk", "language", "time_zone")
    }
