"""Firebase Cloud Messaging, HTTP v1: the one place that speaks to it.

The SDK makes the credentials and the messages; it does not carry them, because it starts a thread a message
and sleeps as long as `Retry-After` says.
"""

import asyncio
import json
from collections.abc import Mapping
from datetime import timedelta
from functools import lru_cache, partial
from types import TracebackType
from typing import Any, Self

import aiohttp
import requests
from django.conf import settings
from django.utils import timezone
from firebase_admin import credentials, messaging
from google.auth.exceptions import GoogleAuthError, TransportError
from google.auth.transport.requests import Request
from yarl import URL

from notifications.answers import Answer, Verdict, answer_of

MOST_BYTES = 4096
CONNECTIONS = 250
"""Firebase answers in a tenth of a second: so many make 2,000 a second of it."""
LONGEST_SECONDS = 20
_TIMEOUT = aiohttp.ClientTimeout(total=LONGEST_SECONDS, sock_connect=5)
_TOKEN_SECONDS = 10
_AUTH_REFUSED = Answer(Verdict.BLOCKED, "AUTH_REFUSED")
_AUTH_UNAVAILABLE = Answer(Verdict.BLOCKED, "AUTH_UNAVAILABLE", timedelta(seconds=30))
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
        self._credential = _credential(
            settings.FIREBASE_PROJECT_ID,
            settings.FIREBASE_CLIENT_EMAIL,
            settings.FIREBASE_PRIVATE_KEY,
            settings.FIREBASE_TOKEN_URL,
        )
        self._signing = asyncio.Lock()
        self._no_token: Answer | None = None

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
        if self._no_token is None and not self._credential.valid:
            await self._sign_in()
        if self._no_token is not None:
            return self._no_token
        try:
            async with self._http.post(
                self._url, data=body, headers={"Authorization": f"Bearer {self._credential.token}"}
            ) as answer:
                try:
                    said = json.loads(await answer.read())
                except ValueError:
                    said = None
                if answer.status == 401:  # a token that was revoked must not be used for the rest of its hour
                    _credential.cache_clear()
                return answer_of(answer.status, said, answer.headers, at=timezone.now())
        except TimeoutError:
            return Answer(Verdict.LATER, "TIMEOUT")
        except aiohttp.ClientError as error:
            return Answer(Verdict.LATER, type(error).__name__)

    async def _sign_in(self) -> None:
        """Fetch an access token, once for all who wait; a failure is good for the rest of the session."""
        async with self._signing:
            if self._no_token is None and not self._credential.valid:
                try:
                    await asyncio.to_thread(_refresh, self._credential)
                except GoogleAuthError as error:
                    for_now = isinstance(error, TransportError) or error.retryable
                    self._no_token = _AUTH_UNAVAILABLE if for_now else _AUTH_REFUSED
                except (TypeError, ValueError, KeyError):  # what google-auth makes of an answer that is none
                    self._no_token = _AUTH_UNAVAILABLE


@lru_cache(maxsize=1)
def _credential(project: str, email: str, key: str, token_url: str) -> Any:
    """Make the credential once in a process: its token is good for an hour of runs."""
    certificate = {
        "type": "service_account",
        "project_id": project,
        "client_email": email,
        "private_key": key,
        "token_uri": token_url,
    }
    return credentials.Certificate(certificate).get_credential()


def _refresh(credential: Any) -> None:
    with requests.Session() as session:
        credential.refresh(partial(Request(session), timeout=_TOKEN_SECONDS))
