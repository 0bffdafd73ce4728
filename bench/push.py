"""`push`: messages a second from one process to a fake FCM, answers recorded, beside the SDK's own way."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial

from bench.fake_fcm import FakeFcm, fake_fcm, make_members, make_pushes
from bench.frame import Contender, Sample
from bench.processes import missing_figures
from bench.services import PROJECT, ProgramFailed, Services

PUSHES = int(os.environ.get("PUSHES") or "25000")
RATE = 1000
"""A rate that is below what we can do, for seeing whether it is kept."""
_RATED_PUSHES = 8 * RATE
_GROWTH_MB = 8.0


class Push:
    """Each way in a process that lives on over the rounds; fake and PostgreSQL on the same cores."""

    title = f"{PUSHES:,} pushes to as many members with a device, each answer recorded"
    unit = "messages/s"
    rounds = 4

    def unavailable(self) -> str | None:
        return missing_figures()

    @contextmanager
    def contenders(self, services: Services) -> Iterator[Sequence[Contender]]:
        make_members(services, PUSHES)
        with fake_fcm(services) as fake, ExitStack() as stack:

            def sender(way: str, **variables: str) -> "_Sender":
                return stack.enter_context(_sender(services, fake, way, variables))

            ours, sdk = sender("ours"), sender("send_each")
            rated = [sender("ours", FCM_MESSAGES_A_SECOND=str(RATE)) for _ in range(2)]
            yield [
                Contender("ours", partial(_measure_ours, services, fake, ours)),
                Contender("the SDK's send_each", partial(_measure, services, fake, sdk)),
                Contender(
                    f"ours, two processes, {RATE:,}/s allowed",
                    partial(_measure_rate, services, fake, rated),
                    part="rate",
                ),
            ]
            ours.must_not_have_grown()


class _Sender:
    """A process of `bench.push_sender`."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self._sizes: list[float] = []

    def begin(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def end(self) -> dict[str, float]:
        """Wait until it has sent everything; return what it says.

        Raises:
            ProgramFailed: it ended.
        """
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise ProgramFailed(f"the sender ended with {self._process.wait()}")
        found: dict[str, float] = json.loads(line)
        self._sizes.append(found["megabytes"])
        return found

    def must_not_have_grown(self) -> None:
        """Compare its memory after the first round with what it has now."""
        print(f"  memory after each round: {', '.join(f'{size:.0f} MB' for size in self._sizes)}", flush=True)
        if self._sizes and self._sizes[-1] - self._sizes[0] > _GROWTH_MB:
            raise AssertionError(f"the sender grows: {self._sizes} MB")


@contextmanager
def _sender(services: Services, fake: FakeFcm, way: str, variables: Mapping[str, str]) -> Iterator[_Sender]:
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.push_sender", way],
        cwd=PROJECT,
        env=services.environment() | fake.environment | variables,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        if process.stdout.readline() != "ready\n":
            raise ProgramFailed(f"the sender ended with {process.wait()}")
        yield _Sender(process)
    finally:
        process.kill()
        process.communicate()


def _measure(services: Services, fake: FakeFcm, sender: _Sender) -> Sample:
    make_pushes(services, PUSHES)
    fake.forget()
    sender.begin()
    found = sender.end()
    _check(services, fake, PUSHES)
    sample = Sample(PUSHES / found["seconds"], found)
    print("  " + ", ".join(f"{name} {value:g}" for name, value in found.items()), flush=True)
    return sample


def _measure_ours(services: Services, fake: FakeFcm, sender: _Sender) -> Sample:
    sample = _measure(services, fake, sender)
    ((recorded,),) = services.statement("SELECT count(*) FROM push_sends WHERE state = 'done'")
    if recorded != PUSHES:
        raise AssertionError(f"{recorded} sends are recorded of {PUSHES}")
    return sample


def _measure_rate(services: Services, fake: FakeFcm, senders: Sequence[_Sender]) -> Sample:
    make_pushes(services, _RATED_PUSHES)
    fake.forget()
    for sender in senders:
        sender.begin()
    for sender in senders:
        sender.end()
    _check(services, fake, _RATED_PUSHES)
    seen = fake.seen()
    if seen.most_in_a_second > RATE:
        raise AssertionError(f"{seen.most_in_a_second} in a second, where {RATE} are allowed")
    print(f"  {seen.most_in_a_second} in the busiest second", flush=True)
    return Sample(seen.came / seen.seconds, {"most_in_a_second": seen.most_in_a_second})


def _check(services: Services, fake: FakeFcm, number: int) -> None:
    """Everything came once, and is recorded."""
    seen = fake.seen()
    ((recorded,),) = services.statement("SELECT count(*) FROM push_notifications WHERE status = 'sent'")
    if (len(seen.accepted), seen.came, recorded) != (number, number, number):
        raise AssertionError(
            f"of {number} pushes {len(seen.accepted)} came, in {seen.came} messages, and {recorded} say so"
        )
