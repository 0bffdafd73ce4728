"""Sending what is due: claimed, sent side by side under the project's rate, written down as answers come.

One process sends at a time (`_ALONE`), so that a campaign leaves the other workers to the points. It may be
killed at any moment: what it had claimed is due again when its lease ends, and goes out with the same
notification id.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, connections, transaction
from django.utils import timezone

from core.outgoing import STILL_TO_SEND, claim, try_alone
from core.rate import SharedRate
from notifications import fcm
from notifications.answers import Answer, Verdict
from notifications.models import PushNotification, PushSend
from notifications.services.fanning_out import Leased, due_pushes, fan_out
from notifications.services.recording import Answered, record
from notifications.services.tallying import tally

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=60)
_ALONE = 0x70757368
_MOST_CLAIMED = 500
_CLAIMED_SECONDS = 3
"""No more is claimed than goes out in so long: a lease must not end before its sends."""
_SLICE_SECONDS = 0.005
"""Those who go out in so long take their places in the rate together."""
_RECORD_AT_ONCE = 200
_RECORD_AGAIN_SECONDS = (0.2, 1.0, 3.0, 5.0)
"""When PostgreSQL is away for a moment: what is not written down is sent again."""
_OFF = "push is off: Firebase's variables are not set"

Result = TypeVar("Result")


def send_due(*, seconds: float = 20) -> int:
    """Send what is due, until nothing is left or the time is up; return how many requests were answered.

    Without credentials everything due is dropped, and says why. While another process sends, nothing is done.
    """
    if not fcm.is_on():
        return _drop_all()
    if not _is_anything_due():
        return 0
    return asyncio.run(_Sending(until=time.monotonic() + seconds).run())


def _drop_all() -> int:
    now, everything = timezone.now(), PushSend.objects.all()
    dropped = _drop_due(now)
    while waiting := claim(everything, limit=_MOST_CLAIMED, lease=LEASE, at=now):
        record([Answered(send.pk, send.tries, Answer(Verdict.REFUSED, _OFF)) for send in waiting], at=now)
    return dropped


@transaction.atomic
def _drop_due(now: datetime) -> int:
    dropped = sum(
        due_pushes(now, of_campaigns=of_campaigns).update(
            status=PushNotification.Status.DROPPED, reason=_OFF, updated_at=now
        )
        for of_campaigns in (False, True)
    )
    if dropped:
        tally({(PushNotification.Status.DROPPED, _OFF): dropped})
    return dropped


def _is_anything_due() -> bool:
    """Ask before threads and connections of their own are made for nothing."""
    now = timezone.now()
    pushes = any(due_pushes(now, of_campaigns=of_campaigns).exists() for of_campaigns in (False, True))
    return pushes or PushSend.objects.filter(STILL_TO_SEND, due_at__lte=now).exists()


@dataclass(frozen=True, slots=True)
class _Batch:
    """What one claim came to: what to send, what must not go out any more, and how much was found."""

    sends: Sequence[Leased]
    refused: Sequence[Answered]
    found: int
    until: float
    """No more of it is sent after this: the answers must come before the lease ends."""


_NOTHING = _Batch((), (), 0, 0.0)


class _Sending:
    """One run. The database is spoken to in two threads: one claims ahead, one writes answers down."""

    def __init__(self, *, until: float) -> None:
        self._until = until
        self._rate = SharedRate("fcm", per_second=settings.FCM_MESSAGES_A_SECOND)
        self._claims = ThreadPoolExecutor(1, "claims")
        self._records = ThreadPoolExecutor(1, "records")
        self._answers: asyncio.Queue[Answered | None] = asyncio.Queue()
        self._places = asyncio.Semaphore(fcm.CONNECTIONS)
        self._blocked: Answer | None = None
        self._failure: Exception | None = None
        self._answered = 0

    async def run(self) -> int:
        try:
            if await self._in(self._claims, lambda: try_alone(_ALONE)):
                async with fcm.Fcm() as gateway, asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._write_down())
                    await self._send_all(gateway)
                    self._answers.put_nowait(None)
        finally:
            for pool in (self._claims, self._records):
                await self._in(pool, connections.close_all)  # which gives the lock back
                pool.shutdown()
            self._rate.close()
        if self._blocked is not None:
            logger.error("push: nothing goes out, for our credentials are of no use: %s", self._blocked.word)
        if self._failure is not None:
            raise self._failure
        return self._answered

    async def _in(self, pool: ThreadPoolExecutor, job: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(pool, job)

    async def _send_all(self, gateway: fcm.Fcm) -> None:
        """Send batch after batch; the next is claimed while this one goes out."""
        limit = max(1, min(_MOST_CLAIMED, settings.FCM_MESSAGES_A_SECOND * _CLAIMED_SECONDS))

        async def claimed() -> _Batch:
            if self._failure or self._blocked or time.monotonic() > self._until:
                return _NOTHING
            try:
                return await self._in(self._claims, lambda: _claim(limit))
            except Exception as error:  # what has been sent must be written down first
                self._failure = error
                return _NOTHING

        async with asyncio.TaskGroup() as requests:
            batch = await claimed()
            while batch.found:
                ahead = asyncio.ensure_future(claimed())
                await self._send_batch(gateway, batch, requests)
                batch = await ahead
                if not batch.found:  # that was asked a while ago
                    batch = await claimed()

    async def _send_batch(self, gateway: fcm.Fcm, batch: _Batch, requests: asyncio.TaskGroup) -> None:
        self._note(batch.refused)
        together = max(1, int(settings.FCM_MESSAGES_A_SECOND * _SLICE_SECONDS))
        for start in range(0, len(batch.sends), together):
            part = batch.sends[start : start + together]
            if self._blocked is None:
                await asyncio.sleep(self._rate.reserve(len(part)))
            for send in part:
                await self._places.acquire()
                if time.monotonic() > batch.until:
                    self._places.release()
                    return  # FCM is slow: the rest is due again by itself
                requests.create_task(self._send(gateway, send))

    async def _send(self, gateway: fcm.Fcm, send: Leased) -> None:
        try:
            answer = self._blocked or await _answer(gateway, send)
        finally:
            self._places.release()
        if answer.verdict is Verdict.BLOCKED:
            self._blocked = answer
        self._note([Answered(send.send_id, send.tries, answer)])

    def _note(self, answered: Sequence[Answered]) -> None:
        for one in answered:
            self._answers.put_nowait(one)

    async def _write_down(self) -> None:
        """Write answers at once: those that come meanwhile are written together, next."""
        more = True
        while more:
            ready = [await self._answers.get()]
            while len(ready) < _RECORD_AT_ONCE and not self._answers.empty():
                ready.append(self._answers.get_nowait())
            answered = [one for one in ready if one is not None]
            more = len(answered) == len(ready)
            await self._in(self._records, lambda: _record(answered))  # noqa: B023
            self._answered += len(answered)


def _record(answered: Sequence[Answered]) -> None:
    for rest in _RECORD_AGAIN_SECONDS:
        try:
            return record(answered, at=timezone.now())
        except (OperationalError, InterfaceError) as error:
            logger.warning("push: answers are not written down, once more: %s", error)
            connection.close()
            time.sleep(rest)
    return record(answered, at=timezone.now())


def _claim(limit: int) -> _Batch:
    """Claim what waits for another try, and fan out what is new."""
    at, until = timezone.now(), time.monotonic() + LEASE.total_seconds() - fcm.LONGEST_SECONDS
    # A quarter stays for what is new: after an outage a whole campaign may wait for another try.
    waiting = PushSend.objects.select_related("push__campaign", "device")
    again = claim(waiting, limit=limit - limit // 4, lease=LEASE, at=at)
    new, decided = fan_out(limit=max(limit - len(again), 1), lease=LEASE, at=at)
    sends, refused = [], []
    for send in again:
        if (reason := _refusal(send)) or send.device is None:
            refused.append(Answered(send.pk, send.tries, Answer(Verdict.REFUSED, reason)))
        else:
            is_fid = send.device.kind == send.device.Address.FID
            sends.append(Leased(send.pk, send.tries, send.push, send.device.device_token, is_fid))
    return _Batch([*sends, *new], refused, len(again) + decided, until)


def _refusal(send: PushSend) -> str:
    """Say why a send that was claimed again must not go out any more."""
    campaign = send.push.campaign
    if send.push.status == PushNotification.Status.CANCELLED or (
        campaign is not None and campaign.status == campaign.Status.STOPPED
    ):
        return "CANCELLED"
    if send.device is None or not send.device.is_active or send.device.user_id != send.push.user_id:
        return "DEVICE_TAKEN_AWAY"
    return ""


async def _answer(gateway: fcm.Fcm, send: Leased) -> Answer:
    push = send.push
    try:
        body = fcm.body_of(
            notification_id=str(push.notification_id),
            title=push.title,
            text=push.message,
            data=push.payload,
            address=send.address,
            is_fid=send.is_fid,
        )
    except ValueError as error:  # too large, or something in the data that is no text
        return Answer(Verdict.REFUSED, f"{type(error).__name__}: {error}"[:200])
    return await gateway.send(body)
