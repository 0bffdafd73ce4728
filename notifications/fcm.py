"""Firebase Cloud Messaging, HTTP v1: the one place that speaks to it.

The SDK makes the credentials and the messages; it does not carry them, because it starts a thread a message
and sleeps as long as `Retry-After` says.
"""

import asyncio
import json
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import aiohttp
from django.conf import settings
from django.utils import timezone
from firebase_admin import credentials, messaging
from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import Request
from yarl import URL

from notifications.answers import Answer, Verdict, answer_of

MOST_BYTES = 4096
CONNECTIONS = 100
_TIMEOUT = aiohttp.ClientTimeout(total=20, sock_connect=5)
_encode = messaging._MessagingService.encode_message  # private, so the SDK's version is pinned
_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


class TooLarge(ValueError):
    """The message has more than FCM's 4,096 bytes."""


def is_on() -> bool:
    """Say whether there are credentials."""
    return bool(
        settings.FIREBASE_PROJECT_ID and settings.FIREBASE_CLIENT_EMAIL and settings.FIREBASE_PRIVATE_KEY
    )


def body_of(
    *, notification_id: str, title: str, text: str, data: Mapping[str, Any], address: str, is_fid: bool
) -> bytes:
    """Write the request of one message to one device.

    The notification's id is in the data, and what the phone and FCM collapse by: a message that is sent twice
    is shown once.

    Raises:
        TooLarge: FCM would refuse it.
    """
    message = messaging.Message(
        notification=messaging.Notification(title=title, body=text),
        data={
            **{key: value if isinstance(value, str) else json.dumps(value) for key, value in data.items()},
            "notification_id": notification_id,
        },
        android=messaging.AndroidConfig(
            collapse_key=notification_id,
            priority="high",
            notification=messaging.AndroidNotification(tag=notification_id),
        ),
        apns=messaging.APNSConfig(headers={"apns-collapse-id": notification_id, "apns-priority": "10"}),
    )
    # Set and not given: the SDK warns of tokens, which apps of today still have.
    message.fid, message.token = (address, None) if is_fid else (None, address)
    encoded = _JSON.encode({"message": _encode(message)}).encode()
    if len(encoded) > MOST_BYTES:
        raise TooLarge(f"{len(encoded)} bytes")
    return encoded


class Fcm:
    """A session with FCM: `async with Fcm() as fcm: await fcm.send(body)`."""

    def __init__(self) -> None:
        self._url = URL(f"{settings.FCM_URL}/v1/projects/{settings.FIREBASE_PROJECT_ID}/messages:send")
        certificate = {
            "type": "service_account",
            "project_id": settings.FIREBASE_PROJECT_ID,
            "client_email": settings.FIREBASE_CLIENT_EMAIL,
            "private_key": settings.FIREBASE_PRIVATE_KEY,
            "token_uri": settings.FIREBASE_TOKEN_URL,
        }
        self._credential = credentials.Certificate(certificate).get_credential()
        self._signing = asyncio.Lock()

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=CONNECTIONS),
            timeout=_TIMEOUT,
            auto_decompress=True,
            headers={"Content-Type": "application/json; charset=utf-8"},
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._http.close()

    async def send(self, body: bytes) -> Answer:
        """Send one message and say what FCM made of it; never raises for what the network does."""
        try:
            token = await self._token()
        except GoogleAuthError as error:
            if getattr(error, "retryable", False):
                return Answer(Verdict.LATER, "AUTH_UNAVAILABLE")
            return Answer(Verdict.MISCONFIGURED, "AUTH_REFUSED")
        try:
            async with self._http.post(
                self._url, data=body, headers={"Authorization": f"Bearer {token}"}
            ) as answer:
                try:
                    said = json.loads(await answer.read())
                except ValueError:
                    said = None
                return answer_of(answer.status, said, answer.headers, at=timezone.now())
        except TimeoutError:
            return Answer(Verdict.LATER, "TIMEOUT")
        except aiohttp.ClientError as error:
            return Answer(Verdict.LATER, type(error).__name__)

    async def _token(self) -> str:
        """Return an access token, fetched anew, once for all who wait, when the last is about to expire."""
        if not self._credential.valid:
            async with self._signing:
                if not self._credential.valid:
                    await asyncio.to_thread(self._credential.refresh, Request())
        token: str = self._credential.token
        return token
