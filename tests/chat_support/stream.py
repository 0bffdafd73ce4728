"""Webhooks as Stream sends them."""

import gzip
import itertools
import json
from datetime import UTC, datetime
from typing import Any

from django.test import Client
from django.utils import timezone

from chat_support.models import StreamWebhook
from chat_support.services.following import follow
from chat_support.services.webhooks import take_webhook
from tests.fakes.stream import signed

KEY, SECRET = "stream-key", "stream-secret"
PATH = "/chat/webhooks/stream/"

_numbers = itertools.count(1)


def stamp(at: datetime) -> str:
    """A time as Stream writes it: in UTC, in nanoseconds."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f000Z")


def message_event(
    ticket_channel: str,
    author: str,
    text: str = "So",
    *,
    at: datetime,
    kind: str = "message.new",
    message_id: str = "",
    said_at: datetime | None = None,
    **message: Any,
) -> dict[str, Any]:
    """An event about a message: what it tells was so `at`, and the message was written at `said_at`."""
    said_at = said_at or at
    return {
        "type": kind,
        "cid": f"messaging:{ticket_channel}",
        "channel_type": "messaging",
        "channel_id": ticket_channel,
        "message": {
            "id": message_id or f"{ticket_channel}-{author}-{stamp(said_at)}",
            "text": text,
            "html": f"<p>{text}</p>\n",
            "type": "deleted" if kind == "message.deleted" else "regular",
            "user": {"id": author, "role": "user", "banned": False, "online": True},
            "attachments": [],
            "reaction_counts": None,
            "created_at": stamp(said_at),
            "updated_at": stamp(at),
            **message,
        },
        "user": {"id": author, "role": "user", "total_unread_count": 0},
        "members": [{"user_id": author, "user": {"id": author, "name": "Thandi"}}],
        "request_info": {"type": "client", "ip": "86.84.2.2", "user_agent": "Mozilla/5.0"},
        "created_at": stamp(at),
    }


def read_event(channel: str, reader: str, *, at: datetime) -> dict[str, Any]:
    return {
        "type": "message.read",
        "cid": f"messaging:{channel}",
        "channel_id": channel,
        "user": {"id": reader},
        "created_at": stamp(at),
    }


def channel_deleted(channel: str, *, at: datetime) -> dict[str, Any]:
    return {
        "type": "channel.deleted",
        "cid": f"messaging:{channel}",
        "channel_id": channel,
        "channel": {"id": channel},
        "created_at": stamp(at),
    }


def signature(body: bytes, secret: str = SECRET) -> str:
    return signed(body, secret)


def packed(event: Any) -> bytes:
    return json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode()


def headers_of(plain: bytes, **changed: str | None) -> dict[str, str]:
    """The headers of a webhook; `changed` in snake case, None leaves one out."""
    headers: dict[str, str | None] = {
        "X-Signature": signature(plain),
        "X-Webhook-Id": f"hook-{next(_numbers)}",
        "X-Webhook-Attempt": "1",
        "X-Api-Key": KEY,
    }
    headers |= {name.replace("_", "-").title(): value for name, value in changed.items()}
    return {name: value for name, value in headers.items() if value is not None}


def call(body: bytes, *, plain: bytes | None = None, path: str = PATH, **changed: str | None) -> Any:
    """Call the endpoint with a body; it is signed as `plain`, or as itself."""
    headers = headers_of(body if plain is None else plain, **changed)
    return Client().post(path, body, content_type="application/json", headers=headers)


def send(event: Any, *, compressed: bool = False, **changed: str | None) -> Any:
    """Send an event as Stream does."""
    plain = packed(event)
    if compressed:
        return call(gzip.compress(plain), plain=plain, content_encoding="gzip", **changed)
    return call(plain, **changed)


def seen(*events: dict[str, Any], at: datetime | None = None) -> list[str]:
    """Take events in, one after another; return what came of each."""
    outcomes = []
    for event in events:
        name = f"seen-{next(_numbers)}"
        now = at or timezone.now()
        take_webhook(webhook_id=name, event_type=event["type"], payload=event, at=now)
        webhook = StreamWebhook.objects.get(webhook_id=name)
        follow([webhook.pk], at=now)
        webhook.refresh_from_db()
        outcomes.append(webhook.outcome)
    return outcomes
