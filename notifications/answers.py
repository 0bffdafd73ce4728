"""What FCM's answers mean. Pure.

Sources: the FCM v1 REST reference (ErrorCode), and Google's guide to FCM errors and retries: at least a
minute after 429 without Retry-After, exponential from ten seconds else.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import Enum, auto
from typing import Any

from core.retries import backoff

LAST_TRY = 12
"""After three hours and a half."""
_FIRST_WAIT = timedelta(seconds=10)
_QUOTA_WAIT = timedelta(seconds=60)
_LONGEST_WAIT = timedelta(hours=1)
BLOCKED_WAIT = timedelta(minutes=5)
_FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"


class Verdict(Enum):
    """What becomes of one push to one device."""

    SENT = auto()
    GONE = auto()
    """The device is not there any more, or not ours."""
    REFUSED = auto()
    """The message is wrong; the device is not to blame."""
    LATER = auto()
    BLOCKED = auto()
    """Nothing can be sent at all: our credentials are refused, or nobody gives us a token for them."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A verdict, FCM's own word for it (the message's name when it was sent), and how long to wait where
    FCM says so."""

    verdict: Verdict
    word: str = ""
    wait: timedelta | None = None


def answer_of(status: int, body: Any, headers: Mapping[str, str], *, at: datetime) -> Answer:
    """Read an HTTP answer of `messages:send`; `body` is the JSON, or None where it is none."""
    if status == 200 and isinstance(body, dict) and isinstance(body.get("name"), str):
        return Answer(Verdict.SENT, body["name"][:200])
    word = _word(body) or f"HTTP {status}"
    if (status, word) in ((404, "UNREGISTERED"), (403, "SENDER_ID_MISMATCH")):
        return Answer(Verdict.GONE, word)
    if status == 400:
        return Answer(Verdict.REFUSED, word)
    if status in (401, 403, 404):
        return Answer(Verdict.BLOCKED, word)
    wait = _retry_after(headers.get("Retry-After"), at=at)
    if wait is None and status == 429:
        wait = _QUOTA_WAIT
    return Answer(Verdict.LATER, word, wait)


def _word(body: Any) -> str:
    """Return FCM's error code, or else the status of Google's error model."""
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict):
        return ""
    details = error.get("details")
    for detail in details if isinstance(details, list) else ():
        if isinstance(detail, dict) and detail.get("@type") == _FCM_ERROR:
            return str(detail.get("errorCode", ""))[:100]
    return str(error.get("status", ""))[:100]


def _retry_after(value: str | None, *, at: datetime) -> timedelta | None:
    """Read seconds or a date (RFC 9110, 10.2.3); what is neither says nothing."""
    if value is None:
        return None
    try:
        wait = timedelta(seconds=int(value)) if value.strip().isdigit() else parsedate_to_datetime(value) - at
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(wait, timedelta(0)), timedelta(days=1))


def wait_after(tries: int, answer: Answer) -> timedelta:
    """Say how long a push rests after its n-th try: as FCM said, else 10 s, doubled, an hour at most."""
    return backoff(tries, first=_FIRST_WAIT, longest=_LONGEST_WAIT) if answer.wait is None else answer.wait
