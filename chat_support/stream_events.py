"""What the events of Stream that tickets follow look like.

https://getstream.io/chat/docs/python/webhook_events/
"""

from typing import Any

from rest_framework import serializers

from core.api.fields import Moment, Text
from core.api.serializers import Input

MESSAGE_NEW = "message.new"
MESSAGE_UPDATED = "message.updated"
MESSAGE_DELETED = "message.deleted"
MESSAGE_READ = "message.read"
CHANNEL_DELETED = "channel.deleted"

_LONGEST_CHANNEL = 100
_LONGEST_ID = 255


class _Somebody(Input):
    id = Text(max_length=_LONGEST_ID)


class _Message(Input):
    id = Text(max_length=_LONGEST_ID)
    type = Text(required=False, default="regular")
    text = Text(required=False, allow_null=True, allow_blank=True, trim_whitespace=False, default="")
    user = _Somebody()
    created_at = Moment()
    updated_at = Moment(required=False, allow_null=True, default=None)
    message_text_updated_at = Moment(required=False, allow_null=True)


class _MessageEvent(Input):
    message = _Message()
    created_at = Moment()


class _ReadEvent(Input):
    user = _Somebody()
    created_at = Moment()


class _ChannelEvent(Input):
    created_at = Moment()


_SHAPES: dict[str, type[Input]] = {
    MESSAGE_NEW: _MessageEvent,
    MESSAGE_UPDATED: _MessageEvent,
    MESSAGE_DELETED: _MessageEvent,
    MESSAGE_READ: _ReadEvent,
    CHANNEL_DELETED: _ChannelEvent,
}

FOLLOWED = frozenset(_SHAPES)
"""The types that change a ticket."""


def read_event(event_type: str, payload: dict[str, Any]) -> dict[str, Any]:
    """Return what matters of an event of a type that is followed.

    Raises:
        ValidationError: a field is missing, or not what it should be.
    """
    if not channel_of(payload):
        raise serializers.ValidationError({"channel_id": ["This names no channel."]})
    return _SHAPES[event_type].read(payload)


def channel_of(payload: dict[str, Any]) -> str:
    """Return the id of the channel that an event is about, "" where it names none that could be."""
    channel_id = payload.get("channel_id")
    if channel_id is None and isinstance(cid := payload.get("cid"), str):
        channel_id = cid.partition(":")[2]  # <type>:<id>
    return channel_id if isinstance(channel_id, str) and len(channel_id) <= _LONGEST_CHANNEL else ""


def author_of(payload: dict[str, Any]) -> str:
    """Return the Stream id of whose words an event shows, or else of who did what it tells; "" of nobody."""
    message = payload.get("message")
    said_by = message.get("user") if isinstance(message, dict) else payload.get("user")
    author = said_by.get("id") if isinstance(said_by, dict) else None
    return author if isinstance(author, str) and len(author) <= _LONGEST_ID else ""
