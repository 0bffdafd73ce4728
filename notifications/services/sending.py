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
from datetime import timedelta
from typing import TypeVar

from django.conf import settings
from django.db import connection, connections
from django.utils import timezone

from core.outgoing import STILL_TO_SEND, claim
from core.rate import SharedRate
from notifications import fcm
from notifications.answers import Answer, Verdict
from notifications.models import PushNotification, PushSend
from notifications.services.fanning_out import due_pushes, fan_out
from notifications.services.recording import Answered, record

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=60)
_ALONE = 0x70757368
_MOST_CLAIMED = 500
_CLAIMED_SECONDS = 5
"""No more is claimed than goes out in so long: a lease must not end before its sends."""
_SLICE = 20
"""So many take their places in the rate together."""
_RECORD_AT_ONCE = 50
_RECORD_SECONDS = 0.005
"""What is not written down when the process is killed is sent again: answers wait no longer than this."""
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
    now = timezone.now()
    return sum(
        due_pushes(now, of_campaigns=of_campaigns).update(
            status=PushNotification.Status.DROPPED, reason=_OFF, updated_at=now
        )
        for of_campaigns in (False, True)
    )


def _is_anything_due() -> bool:
    """Ask before threads and connections of their own are made for nothing."""
    now = timezone.now()
    pushes = any(due_pushes(now, of_campaigns=of_campaigns).exists() for of_campaigns in (False, True))
    return pushes or PushSend.objects.filter(STILL_TO_SEND, due_at__lte=now).exists()


class _Sending:
    """One run. The database is spoken to in two threads: one claims ahead, one writes answers down."""

    def __init__(self, *, until: float) -> None:
        self._until = until
        self._rate = SharedRate("fcm", per_second=settings.FCM_MESSAGES_A_SECOND)
        self._claims = ThreadPoolExecutor(1, "claims")
        self._records = ThreadPoolExecutor(1, "records")
        self._answers: asyncio.Queue[Answered | None] = asyncio.Queue()
        self._places = asyncio.Semaphore(fcm.CONNECTIONS)
        self._misconfigured: Answer | None = None
        self._answered = 0

    async def run(self) -> int:
        try:
            if await self._in(self._claims, _try_alone):
                async with fcm.Fcm() as gateway, asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._write_down())
                    await self._send_all(gateway)
                    self._answers.put_nowait(None)
        finally:
            for pool in (self._claims, self._records):
                await self._in(pool, connections.close_all)  # which gives the lock back
                pool.shutdown()
            self._rate.close()
        if self._misconfigured is not None:
            logger.error("push: FCM refuses our credentials (%s): nothing goes out", self._misconfigured.word)
        return self._answered

    async def _in(self, pool: ThreadPoolExecutor, job: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(pool, job)

    async def _send_all(self, gateway: fcm.Fcm) -> None:
        """Send batch after batch; the next is claimed while the last answers of this one come in."""
        limit = max(1, min(_MOST_CLAIMED, settings.FCM_MESSAGES_A_SECOND * _CLAIMED_SECONDS))
        async with asyncio.TaskGroup() as requests:
            while time.monotonic() < self._until and self._misconfigured is None:
                sends, decided = await self._in(self._claims, lambda: _claim(limit))
                if not decided:
                    break
                for start in range(0, len(sends), _SLICE):
                    part = sends[start : start + _SLICE]
                    await asyncio.sleep(self._rate.reserve(len(part)))
                    for send in part:
                        await self._places.acquire()
                        requests.create_task(self._send(gateway, send))

    async def _send(self, gateway: fcm.Fcm, send: PushSend) -> None:
        try:
            answer = self._misconfigured or _refusal(send) or await self._answer(gateway, send)
        finally:
            self._places.release()
        if answer.verdict is Verdict.MISCONFIGURED:
            self._misconfigured = answer
        self._answers.put_nowait(Answered(send.pk, send.tries, answer))

    async def _answer(self, gateway: fcm.Fcm, send: PushSend) -> Answer:
        push, device = send.push, send.device
        assert device is not None
        try:
            body = fcm.body_of(
                notification_id=str(push.notification_id),
                title=push.title,
                text=push.message,
                data=push.payload,
                address=device.device_token,
                is_fid=device.kind == device.Address.FID,
            )
        except ValueError as error:  # too large, or something in the data that is no text
            return Answer(Verdict.REFUSED, f"{type(error).__name__}: {error}"[:200])
        return await gateway.send(body)

    async def _write_down(self) -> None:
        """Write answers as they come, many together while many come."""
        more = True
        while more:
            ready = [await self._answers.get()]
            await asyncio.sleep(_RECORD_SECONDS)
            while len(ready) < _RECORD_AT_ONCE and not self._answers.empty():
                ready.append(self._answers.get_nowait())
            answered = [one for one in ready if one is not None]
            more = len(answered) == len(ready)
            await self._in(self._records, lambda: record(answered, at=timezone.now()))  # noqa: B023
            self._answered += len(answered)


def _try_alone() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [_ALONE])
        return bool(cursor.fetchone()[0])


def _claim(limit: int) -> tuple[Sequence[PushSend], int]:
    """Claim what waits for another try, and fan out what is new; return the sends and how much was found."""
    at = timezone.now()
    # A quarter stays for what is new: after an outage a whole campaign may wait for another try.
    sends = PushSend.objects.select_related("push__campaign", "device")
    again = claim(sends, limit=limit - limit // 4, lease=LEASE, at=at)
    new, decided = fan_out(limit=max(limit - len(again), 1), lease=LEASE, at=at)
    return [*again, *new], len(again) + decided


def _refusal(send: PushSend) -> Answer | None:
    """Say why a send that was claimed again must not go out any more, or None."""
    campaign = send.push.campaign
    if send.push.status == PushNotification.Status.CANCELLED or (
        campaign is not None and campaign.status == campaign.Status.STOPPED
    ):
        return Answer(Verdict.REFUSED, "CANCELLED")
    if send.device is None or not send.device.is_active or send.device.user_id != send.push.user_id:
        return Answer(Verdict.REFUSED, "DEVICE_TAKEN_AWAY")
    return None
