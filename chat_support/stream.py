"""Stream Chat, through its SDK: the one place that speaks to it.

The asynchronous client of the SDK, since its other one counts a timeout from byte to byte, and sleeps in the
worker as long as `Retry-After` says.
"""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

import aiohttp
import jwt
from django.conf import settings
from stream_chat import StreamChatAsync
from stream_chat.base.exceptions import StreamAPIException

from chat_support.answers import GONE, Answer, Verdict, answer_of
from chat_support.people import ChatUser
from core.rate import SharedRate

CHANNEL_TYPE = "messaging"
_TIMEOUT = aiohttp.ClientTimeout(total=6, sock_connect=3)
_LEEWAY = timedelta(seconds=30)
"""A token from Stream's future is refused: its clock may be behind ours by so much."""


@dataclass(frozen=True, slots=True)
class TellUser:
    user: ChatUser


@dataclass(frozen=True, slots=True)
class OpenChannel:
    """A ticket's channel, with its member in it. Our bot makes it: who makes one may delete it."""

    channel_id: str
    ticket_id: int
    name: str
    member: str


@dataclass(frozen=True, slots=True)
class Say:
    channel_id: str
    message_id: str
    by: str
    text: str


@dataclass(frozen=True, slots=True)
class EraseChannels:
    """Channels, which are named by what their tickets are about, with everything in them."""

    channel_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EraseUser:
    """The user and all that they ever wrote."""

    user_id: str


Request = TellUser | OpenChannel | Say | EraseChannels | EraseUser
MOST_ERASED = 100
"""Channels in one request."""


def is_on() -> bool:
    """Say whether there are credentials."""
    return bool(settings.STREAM_CHAT_API_KEY and settings.STREAM_CHAT_SECRET)


def bot() -> ChatUser:
    """Return who we are in Stream."""
    return ChatUser(settings.STREAM_BOT_ID, "MarketHub")


def user_token(user_id: str, *, at: datetime) -> str:
    """Sign what lets its bearer be this user in Stream for settings.STREAM_TOKEN_SECONDS."""
    claims = {
        "user_id": user_id,
        "iat": int((at - _LEEWAY).timestamp()),
        "exp": int(at.timestamp()) + settings.STREAM_TOKEN_SECONDS,
    }
    return jwt.encode(claims, settings.STREAM_CHAT_SECRET, algorithm="HS256")


class Stream:
    """A session with Stream, within the rate that all processes share: made and closed inside a loop."""

    @classmethod
    async def connect(cls) -> Self:
        """Begin a session in the loop that runs."""
        return cls()

    def __init__(self) -> None:
        self._rate = SharedRate("stream", per_second=settings.STREAM_CALLS_A_MINUTE / 60)
        self._client = StreamChatAsync(
            settings.STREAM_CHAT_API_KEY, settings.STREAM_CHAT_SECRET, base_url=settings.STREAM_CHAT_URL
        )
        # Set and not given: a number, which is what the constructor takes, is deprecated by aiohttp.
        self._client.timeout = _TIMEOUT  # type: ignore[assignment]

    async def close(self) -> None:
        """End the session."""
        await self._client.close()
        self._rate.close()

    async def ask(self, request: Request) -> Answer:
        """Make one call when its turn has come, and say what Stream made of it; never raises for what the
        network or Stream does."""
        answer = await self._ask(request)
        if answer == GONE and isinstance(request, EraseChannels) and len(request.channel_ids) > 1:
            # Stream does not say which: one that is not there must not keep the others.
            for channel_id in request.channel_ids:
                answer = await self._ask(EraseChannels((channel_id,)))
                if answer.verdict is not Verdict.DONE:
                    break
        return answer

    async def _ask(self, request: Request) -> Answer:
        await asyncio.sleep(self._rate.reserve(1))
        try:
            await self._call(request)
        except StreamAPIException as error:
            code, said = getattr(error, "error_code", None), str(getattr(error, "error_message", ""))
            deletes = isinstance(request, EraseChannels | EraseUser)
            return answer_of(error.status_code, code, said, deletes=deletes)
        except TimeoutError:
            return Answer(Verdict.LATER, "TIMEOUT")
        except (aiohttp.ClientError, ValueError, AttributeError, TypeError) as error:
            # The last three: the SDK takes for granted that JSON is an object, and that what says so is JSON.
            return Answer(Verdict.LATER, type(error).__name__)
        return Answer(Verdict.DONE)

    def _call(self, request: Request) -> Awaitable[Any]:
        match request:
            case TellUser(user):
                return self._client.upsert_user(user.as_told())
            case OpenChannel():
                about = {
                    "name": request.name,
                    "ticket_id": request.ticket_id,
                    "members": [request.member],
                }
                channel = self._client.channel(CHANNEL_TYPE, request.channel_id, about)
                return channel.create(settings.STREAM_BOT_ID)
            case Say():
                channel = self._client.channel(CHANNEL_TYPE, request.channel_id)
                message = {"id": request.message_id, "text": request.text}
                # Members are told by a push of ours.
                return channel.send_message(message, request.by, skip_push=True)
            case EraseChannels(channel_ids):
                names = [f"{CHANNEL_TYPE}:{channel_id}" for channel_id in channel_ids]
                return self._client.delete_channels(names, hard_delete=True)
            case EraseUser(user_id):
                return self._client.delete_user(user_id, mark_messages_deleted=True, hard_delete=True)
