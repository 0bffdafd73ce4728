"""What other apps may read of members."""

from collections.abc import Iterable
from zoneinfo import ZoneInfo

from django.core.files.storage import default_storage
from django.db.models import Q, QuerySet

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


def members_of_chat_ids(chat_ids: Iterable[str]) -> dict[str, int]:
    """Return, for each of these Stream ids that is somebody's, the user's id."""
    found = User.objects.filter(stream_chat_user_id__in=set(chat_ids))
    return {str(chat_id): user_id for chat_id, user_id in found.values_list("stream_chat_user_id", "pk")}


def chat_id_of(user_id: int) -> str | None:
    """Return a member's Stream id, None while they have none."""
    return User.objects.filter(pk=user_id).values_list("stream_chat_user_id", flat=True).first()


def reachable_members() -> QuerySet[User]:
    """Return everybody who may be written to: all but the blocked."""
    return User.objects.filter(is_active=True)


def members_reading(language: str) -> "QuerySet[User, int]":
    """Return the ids of those who read a language, or one of its regions' where the tag has none."""
    return User.objects.filter(Q(language=language) | Q(language__startswith=f"{language}-")).values_list(
        "pk", flat=True
    )
