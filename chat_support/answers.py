"""What Stream's answers mean. Pure.

Sources: Stream's list of API errors (status and code of each). The wording of a message that is there
already is the one that Stream's own apps go by.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, auto

from core.retries import backoff

LAST_TRY = 20
"""Some half a day: longer than Stream was ever away."""
_FIRST_WAIT = timedelta(seconds=10)
_MINUTE_WAIT = timedelta(seconds=60)
"""Stream counts by the minute, and its SDK drops the headers that say how much of it is left."""
_LONGEST_WAIT = timedelta(hours=1)
CONFIGURATION_WAIT = timedelta(minutes=5)
_INPUT, _COOLDOWN = 4, 60


class Verdict(Enum):
    """What becomes of one call."""

    DONE = auto()
    LATER = auto()
    REFUSED = auto()
    """The call is wrong, and would be the next time."""
    FORBIDDEN = auto()
    """A setting of our app in Stream forbids this; others may go."""
    MISCONFIGURED = auto()
    """Nothing can be asked before somebody mends our credentials."""


STOPS = frozenset({Verdict.FORBIDDEN, Verdict.MISCONFIGURED})
"""Somebody has to look, and no try is counted."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A verdict, Stream's own words for it, and how long to wait where that is known."""

    verdict: Verdict
    word: str = ""
    wait: timedelta | None = None


GONE = Answer(Verdict.DONE, "already gone")


def answer_of(status: int, code: object = None, message: str = "", *, deletes: bool = False) -> Answer:
    """Read a refusal of Stream's; `code` is its number for it, `deletes` says that the call was to delete."""
    word = f"{status} {code if code is not None else '-'} {message}".strip()[:300]
    if status == 400 and code == _INPUT and "already exists" in message:
        return Answer(Verdict.DONE, "already there")
    if status == 404 and deletes:
        return GONE
    if status == 401:
        return Answer(Verdict.MISCONFIGURED, word)
    if status == 403 and code != _COOLDOWN:
        return Answer(Verdict.FORBIDDEN, word)
    if status in (403, 408, 429) or not 400 <= status < 500:
        return Answer(Verdict.LATER, word, _MINUTE_WAIT if status == 429 else None)
    return Answer(Verdict.REFUSED, word)


def wait_after(tries: int, answer: Answer) -> timedelta:
    """Say how long a call rests after its n-th try: ten seconds, doubled, an hour at most; after the minute's
    limit, a minute at least."""
    wait = backoff(tries, first=_FIRST_WAIT, longest=_LONGEST_WAIT)
    return wait if answer.wait is None else max(wait, answer.wait)
