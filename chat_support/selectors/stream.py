"""Reads of what was asked of Stream, and of what it knows by that."""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Exists, OuterRef, QuerySet

from chat_support.models import StreamCall
from core.outgoing import STILL_TO_SEND

Action, State = StreamCall.Action, StreamCall.State


def first_of_each_subject() -> QuerySet[StreamCall]:
    """Return the calls before which nothing is still to be done about the same subject."""
    earlier = StreamCall.objects.filter(STILL_TO_SEND, subject=OuterRef("subject"), pk__lt=OuterRef("pk"))
    return StreamCall.objects.filter(STILL_TO_SEND, ~Exists(earlier))


def is_anything_due(at: datetime) -> bool:
    """Say whether there is something to do."""
    return StreamCall.objects.filter(STILL_TO_SEND, due_at__lte=at).exists()


def told_profiles(chat_ids: Iterable[str]) -> dict[str, str]:
    """Return the fingerprint of what Stream was last told of each user, for those it was told of lately."""
    told = (
        StreamCall.objects.filter(
            action=Action.UPSERT_USER, state=State.DONE, subject__in=[user_subject(one) for one in chat_ids]
        )
        .order_by("subject", "-pk")
        .distinct("subject")
    )
    return {
        subject.removeprefix("user:"): arguments.get("profile", "")
        for subject, arguments in told.values_list("subject", "arguments")
    }


def open_channels(channel_ids: Iterable[str]) -> set[str]:
    """Return those of the channels of which we know that they are there."""
    keys = {channel_key(channel_id): channel_id for channel_id in channel_ids}
    there = StreamCall.objects.filter(key__in=keys, state=State.DONE)
    return {keys[key] for key in there.values_list("key", flat=True)}


def user_subject(chat_id: str) -> str:
    """Name a user as the subject of calls."""
    return f"user:{chat_id}"


def channel_subject(channel_id: str) -> str:
    """Name a channel as the subject of calls."""
    return f"channel:{channel_id}"


def channel_key(channel_id: str) -> str:
    """Return the natural key of the call that makes a channel."""
    return f"channel:{channel_id}:open"
