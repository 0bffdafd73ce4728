"""Calling Stream with what is due: claimed, asked side by side within Stream's rate, written down.

Calls about one subject are made one after the other, in the order of their ids. One that was given up, or
refused, lets those after it go: a message brings its channel and its author along (`planning`), so they don't
depend on it, and a ticket in which one message is missing is better than one in which all are.

While Stream is off, calls wait: when it is turned on, the channels of open tickets come to be, with all that
was said. What waits for closed tickets is deleted in the end (`keeping_calls`).

One process calls at a time (`_ALONE`). It may be killed at any moment: what it had claimed is due again when
its lease ends, and as channels, messages and users have ids of ours, asking twice is asking once.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from chat_support import stream
from chat_support.answers import STOPS, Answer, Verdict
from chat_support.metrics import STREAM_ANSWERS
from chat_support.selectors.stream import first_of_each_subject, is_anything_due
from chat_support.services.planning import Plan, plans_of
from chat_support.services.recording import Outcome, record, release, rest_all
from core.outgoing import alone, claim

logger = logging.getLogger(__name__)

LEASE = timedelta(minutes=2)
_ALONE = 0x63686174
_MOST_CLAIMED = 50
_CLAIMED_SECONDS = 5
"""No more is claimed than goes out in so long, or a few times that where each has to bring all it needs: the
lease must not end before."""
_SIDE_BY_SIDE = 10


def call_due(*, seconds: float = 20) -> int:
    """Make the calls that are due, until nothing is left or the time is up; return how many were answered.

    While another process calls, or Stream is off, nothing is done.
    """
    if not stream.is_on() or not is_anything_due(timezone.now()):
        return 0
    with alone(_ALONE) as ours:
        return _Calling(until=time.monotonic() + seconds).run() if ours else 0


class _Calling:
    """One run. The database is spoken to between batches, while nothing is on its way to Stream."""

    def __init__(self, *, until: float) -> None:
        self._until = until
        self._stopped: Answer | None = None

    def run(self) -> int:
        answered = 0
        limit = max(1, min(_MOST_CLAIMED, settings.STREAM_CALLS_A_MINUTE * _CLAIMED_SECONDS // 60))
        with asyncio.Runner() as runner:
            gateway = runner.run(stream.Stream.connect())
            try:
                while time.monotonic() < self._until and self._stopped is None:
                    calls = claim(first_of_each_subject(), limit=limit, lease=LEASE, at=timezone.now())
                    if not calls:
                        break
                    outcomes = runner.run(self._ask_all(gateway, plans_of(calls)))
                    record(outcomes, at=timezone.now())
                    answered += len(outcomes)
                    asked = {outcome.plan.call.pk for outcome in outcomes}
                    release([call for call in calls if call.pk not in asked], at=timezone.now())
            finally:
                runner.run(gateway.close())
        if self._stopped is not None:
            self._alarm(self._stopped)
        return answered

    async def _ask_all(self, gateway: stream.Stream, plans: Sequence[Plan]) -> list[Outcome]:
        """Carry plans out side by side; what two of them need is asked once. Once Stream lets us do nothing,
        those that have not begun are left out."""
        places = asyncio.Semaphore(_SIDE_BY_SIDE)
        asked: dict[stream.Request, asyncio.Task[Answer]] = {}

        async def once(request: stream.Request) -> Answer:
            if request not in asked:
                asked[request] = asyncio.create_task(self._ask(gateway, request))
            return await asked[request]

        async def carry_out(plan: Plan) -> Outcome | None:
            async with places:
                if self._stopped is not None:
                    return None
                answer, done = plan.outcome, []
                for request in plan.requests:
                    answer = await once(request)
                    if answer.verdict is not Verdict.DONE:
                        break
                    done.append(request)
                return Outcome(plan, answer, tuple(done))

        outcomes = await asyncio.gather(*(carry_out(plan) for plan in plans))
        return [outcome for outcome in outcomes if outcome is not None]

    async def _ask(self, gateway: stream.Stream, request: stream.Request) -> Answer:
        answer = await gateway.ask(request)
        STREAM_ANSWERS.labels(type(request).__name__, answer.verdict.name.lower()).inc()
        if answer.verdict in STOPS:
            self._stopped = answer
        return answer

    def _alarm(self, answer: Answer) -> None:
        logger.error("chat: Stream refuses us (%s): look at its variables and its dashboard", answer.word)
        if answer.verdict is Verdict.MISCONFIGURED:
            rest_all(at=timezone.now())
