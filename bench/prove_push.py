"""Proves that a killed sender loses no push and doubles few: `make prove-push`.

Sends pushes on servers of its own, by a Celery worker with its beat, to a fake of Firebase in a process of
its own, and kills the worker with all its children by SIGKILL at moments that a seed decides, while it sends.
At the end the fake must have every notification, every row say so, and fewer than one in a hundred have come
twice: none but those that the fake had accepted and the worker not yet written down when it was killed.
"""

import argparse
import os
import random
import secrets
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench.fake_fcm import FakeFcm, Seen, fake_fcm, make_members, make_pushes
from bench.services import ProgramFailed, Services, Worker, scratch_services
from config.embedded import ServiceFailed

_RATE = 1000
_LOOK_SECONDS = 0.01
_PATIENCE_SECONDS = 120
"""Longer than a lease: nothing may stand still for so long."""
_SETTLE_SECONDS = 0.2

_STILL_THERE = (
    "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'markethub' AND pid <> pg_backend_pid()"
)
_SENT = "SELECT count(*) FROM push_notifications WHERE status = 'sent'"
_LEASED = "SELECT count(*) FROM push_sends WHERE state = 'pending' AND due_at > now()"
_RECORDED = """
SELECT p.notification_id::text FROM push_notifications p JOIN push_sends s ON s.push_id = p.id
WHERE s.state = 'done'
"""
_STATES = "SELECT status, reason, count(*) FROM push_notifications GROUP BY 1, 2 ORDER BY 1, 2"
_LET_LEASES_END = "UPDATE push_sends SET due_at = now() WHERE state = 'pending'"


@dataclass(frozen=True, slots=True)
class Kill:
    """What there was when the worker was killed: `unwritten` was accepted, and not written down."""

    seconds: float
    came: int
    leased: int
    unwritten: frozenset[str]


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="prove-push", description=__doc__)
    parser.add_argument("--pushes", type=int, default=20_000)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", default="", help="the same seed kills after the same numbers of pushes")
    parser.add_argument(
        "--impatient",
        action="store_true",
        help="end a dead worker's leases at once; one in a hundred may be exceeded",
    )
    options = parser.parse_args(arguments)
    seed = options.seed or secrets.token_hex(3)
    print(f"prove-push: SEED={seed} PUSHES={options.pushes} KILLS={options.kills}", flush=True)
    try:
        with scratch_services("prove-push") as services, fake_fcm(services) as fake:
            proof = Proof(services, fake, pushes=options.pushes, impatient=options.impatient)
            try:
                wrong = list(proof.wrong(planned(seed, pushes=options.pushes, kills=options.kills)))
            finally:
                proof.end()
    except (ServiceFailed, ProgramFailed) as failure:
        print(failure, file=sys.stderr)
        return 1
    for one in wrong:
        print(f"WRONG: {one}")
    if not wrong:
        print("Every push arrived, and every row says so.")
    return int(bool(wrong))


def planned(seed: str, *, pushes: int, kills: int) -> list[int]:
    """Say after how many messages to kill: one moment in each of as many equal parts of the run."""
    dice = random.Random(f"{seed} push")
    part = pushes / max(kills, 1)
    return [int(part * (n + dice.uniform(0.1, 0.9))) for n in range(kills)]


class Proof:
    """One run."""

    def __init__(self, services: Services, fake: FakeFcm, *, pushes: int, impatient: bool) -> None:
        self._services, self._fake, self._pushes, self._impatient = services, fake, pushes, impatient
        make_members(services, pushes)
        make_pushes(services, pushes)
        os.environ.update(fake.environment, FCM_MESSAGES_A_SECOND=str(_RATE))
        self._worker = Worker(services, concurrency=2, beat=True)
        self._began = time.monotonic()

    def end(self) -> None:
        self._worker.kill()

    def wrong(self, moments: Sequence[int]) -> Iterator[str]:
        """Send everything, killing the worker when so many messages came; yield what is not as it must be."""
        self._began = time.monotonic()
        self._worker.start()
        kills = []
        for moment in moments:
            self._wait_for(moment)
            kills.append(self._kill())
            self._worker.start()
        stuck = self._wait_for_the_rows()
        seconds = time.monotonic() - self._began
        time.sleep(_SETTLE_SECONDS)
        seen = self._fake.seen()
        yield from self._judged(seen, kills, seconds)
        if stuck:
            yield stuck

    def _wait_for(self, moment: int) -> None:
        """Return when so many messages came, and more are on their way."""
        last, since = -1, time.monotonic()
        while (came := self._fake.came()) < moment:
            if came != last:
                last, since = came, time.monotonic()
            elif time.monotonic() - since > _PATIENCE_SECONDS:
                raise ProgramFailed(f"after {came} messages no more come")
            time.sleep(_LOOK_SECONDS)

    def _kill(self) -> Kill:
        self._worker.kill()
        seconds = time.monotonic() - self._began
        while self._services.statement(_STILL_THERE)[0][0]:
            time.sleep(_LOOK_SECONDS)  # a statement may still run to its end for somebody who is dead
        time.sleep(_SETTLE_SECONDS)
        seen = self._fake.seen()
        recorded = {str(one) for (one,) in self._services.statement(_RECORDED)}
        ((leased,),) = self._services.statement(_LEASED)
        kill = Kill(seconds, seen.came, int(str(leased)), frozenset(seen.accepted.keys() - recorded))
        print(
            f"  {seconds:6.1f} s  SIGKILL after {kill.came:,} messages: {kill.leased:,} leased,"
            f" {len(kill.unwritten)} accepted and not written down",
            flush=True,
        )
        if self._impatient:
            self._services.statement(_LET_LEASES_END)
        return kill

    def _wait_for_the_rows(self) -> str:
        """Return when every row says sent; or, with the reason, when none has changed for two minutes."""
        last, since = -1, time.monotonic()
        while (sent := int(str(self._services.statement(_SENT)[0][0]))) < self._pushes:
            if sent != last:
                last, since = sent, time.monotonic()
            elif time.monotonic() - since > _PATIENCE_SECONDS:
                return f"nothing is sent any more: {self._services.statement(_STATES)}"
            time.sleep(0.2)
        return ""

    def _judged(self, seen: Seen, kills: Sequence[Kill], seconds: float) -> Iterator[str]:
        states = self._services.statement(_STATES)
        doubled = {one for one, times in seen.accepted.items() if times > 1}
        unwritten = frozenset[str]().union(*(kill.unwritten for kill in kills))
        print(
            f"\n{self._pushes:,} pushes, {len(kills)} kills, {seconds:.0f} s: the fake has"
            f" {len(seen.accepted):,} of them, in {seen.came:,} messages; {len(doubled)} came more than once"
            f" ({100 * len(doubled) / self._pushes:.2f} %); {seen.most_in_a_second:,} in the busiest second",
            flush=True,
        )
        if states != [("sent", "", self._pushes)]:
            yield f"the rows say {states}"
        if missing := self._pushes - len(seen.accepted):
            yield f"{missing} never came"
        if stray := doubled - unwritten:
            yield f"{len(stray)} came twice though they were written down, or no kill was between"
        if not self._impatient and len(doubled) * 100 >= self._pushes:
            yield "one in a hundred came twice, or more"
        if seen.most_in_a_second > _RATE:
            yield f"{seen.most_in_a_second} came in a second, where {_RATE} are allowed"
        if idle := [kill for kill in kills if not kill.leased]:
            yield f"{len(idle)} kills hit nobody at work"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
