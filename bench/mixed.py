"""`mixed`: what members do in a day, over HTTP, with the worker beside: 70 % balance and status, 15 % lists,
10 % redeeming, 5 % ordering.

The books are audited afterwards, and hold every answered redemption and order.
"""

import math
import os
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Timer

from bench.crowd import Crowd, gather
from bench.frame import Contender, Sample
from bench.processes import cpu_seconds, megabytes, missing_figures
from bench.services import ProgramFailed, Services, Worker
from bench.web import serving
from bench.wrk import missing_wrk, report_of

CONNECTIONS = 16
WARM_SECONDS = 15.0
MOST_GROWTH_MB = 4.0
"""Of web and worker each, in the second half of the run: by then each thread has done all kinds of work."""
_FLAT = ("web", "worker")
_MOMENTS = ("start", "warm", "half", "end")
_DRAIN_SECONDS = 60
_SCRIPT = Path(__file__).parent / "mixed.lua"


class Mixed:
    """One run of a minute (`SECONDS`); not flat in memory, or one answer that is an error, is a failure."""

    title = f"70 % balance and status, 15 % lists, 10 % redeem, 5 % orders; {CONNECTIONS} connections"
    unit = "requests/s"
    rounds = 1

    def unavailable(self) -> str | None:
        return missing_wrk() or missing_figures()

    @contextmanager
    def contenders(self, services: Services) -> Iterator[Sequence[Contender]]:
        crowd = gather(services)
        seconds = float(os.environ.get("SECONDS") or 60)
        worker = Worker(services, concurrency=2, beat=True)
        worker.start()
        try:
            with serving(services, name="web") as web:
                programs = {"web": web.pid, "worker": worker.pid, "PostgreSQL": services.postmaster()}
                yield [Contender("ours", lambda: _measure(services, web.port, crowd, programs, seconds))]
                _prove(services)
        finally:
            worker.stop()


def _measure(
    services: Services, port: int, crowd: Crowd, programs: Mapping[str, int], seconds: float
) -> Sample:
    memory = _memory(programs, "start")
    mixed_load(services, port, crowd, WARM_SECONDS)
    memory |= _memory(programs, "warm")
    before = {name: cpu_seconds(pid) for name, pid in programs.items()}
    half = Timer(seconds / 2, lambda: memory.update(_memory(programs, "half")))
    half.start()
    sample = mixed_load(services, port, crowd, seconds)
    half.join()
    cpu = {f"{name}_cpu": (cpu_seconds(pid) - before[name]) / seconds for name, pid in programs.items()}
    memory |= _memory(programs, "end")
    cpu["wrk_cpu"] = sample.details["generator_cpu_share"]
    print("  cores: " + ", ".join(f"{name.removesuffix('_cpu')} {share:.2f}" for name, share in cpu.items()))
    for name in _FLAT:
        start, warm, half_way, end = (memory[f"{name}_mb_{when}"] for when in _MOMENTS)
        print(
            f"  memory of {name}: {start:.0f} MB at the start, {warm:.0f} MB when warm, "
            f"{half_way:.1f} MB half-way, {end:.1f} MB at the end"
        )
        if end - half_way > MOST_GROWTH_MB:
            raise AssertionError(f"the memory of {name} still grows by more than {MOST_GROWTH_MB:g} MB")
    return Sample(sample.value, {**sample.details, **memory, **cpu}, sample.parts)


def _memory(programs: Mapping[str, int], when: str) -> dict[str, float]:
    return {f"{name}_mb_{when}": megabytes(programs[name]) for name in _FLAT}


def mixed_load(services: Services, port: int, crowd: Crowd, seconds: float) -> Sample:
    """Send the mix for `seconds`; return requests a second and latencies, also of each kind.

    Raises:
        ProgramFailed: some answer was none of 2xx, or none came.
        AssertionError: the database has not exactly what was answered.
    """
    before = _made(services)
    found = report_of(
        f"http://127.0.0.1:{port}",
        _SCRIPT,
        crowd.arguments,
        connections=CONNECTIONS,
        threads=CONNECTIONS,  # of one connection each, so that the script can tell whose answer it sees
        seconds=seconds,
    )
    by_kind = by_kind_and_status(found["answers"])
    errors = Counter(
        {
            f"{kind} answered {status}": times.total()
            for (kind, status), times in by_kind.items()
            if not 200 <= status < 300
        }
    )
    errors += Counter({"no answer": found["unanswered"] + found["socket_errors"]})
    if errors:
        raise ProgramFailed(f"there were errors: {dict(errors)}")
    kinds = {kind: times for (kind, _), times in sorted(by_kind.items())}
    _check_made(before, _made(services), kinds)
    return Sample(
        sum(times.total() for times in kinds.values()) / found["seconds"],
        {
            **latencies(sum(kinds.values(), Counter())),
            "generator_cpu_share": found["generator_cpu_share"],
        },
        {kind: Sample(times.total() / found["seconds"], latencies(times)) for kind, times in kinds.items()},
    )


def by_kind_and_status(answers: Mapping[str, int]) -> dict[tuple[str, int], Counter[int]]:
    """Read the script's counts of `kind|status|microseconds`: how often which time, by kind and status."""
    found: defaultdict[tuple[str, int], Counter[int]] = defaultdict(Counter)
    for key, count in answers.items():
        kind, status, microseconds = key.split("|")
        found[kind, int(status)][int(microseconds)] += count
    return dict(found)


def latencies(times: Counter[int]) -> dict[str, float]:
    """Return the nearest-rank percentiles of microseconds and how often each, in milliseconds."""
    ranks = {share: math.ceil(times.total() * share / 100) for share in (50, 95, 99)}
    seen, percentiles = 0, {}
    for microseconds in sorted(times):
        seen += times[microseconds]
        for share, rank in ranks.items():
            if seen >= rank:
                percentiles.setdefault(f"p{share}_ms", microseconds / 1000)
    return percentiles


def _made(services: Services) -> dict[str, int]:
    ((redeemed, ordered),) = services.statement(
        "SELECT (SELECT count(*) FROM points_transactions WHERE voucher_id IS NOT NULL AND points < 0), "
        "(SELECT count(*) FROM orders)"
    )
    return {"redeem": int(str(redeemed)), "order": int(str(ordered))}


def _check_made(before: dict[str, int], after: dict[str, int], kinds: Mapping[str, Counter[int]]) -> None:
    """What was answered is there; what was under way when wrk ended may be there too."""
    for kind, count in before.items():
        answered, made = kinds.get(kind, Counter()).total(), after[kind] - count
        if not answered <= made <= answered + CONNECTIONS:
            raise AssertionError(f"{answered} of {kind} were answered, and the database has {made} more")


def _prove(services: Services) -> None:
    until = time.monotonic() + _DRAIN_SECONDS
    while waiting := services.statement("SELECT subscriber, count(*) FROM core_outboxmessage GROUP BY 1"):
        if time.monotonic() > until:
            raise AssertionError(f"the outbox does not drain: {waiting}")
        time.sleep(0.5)
    print("  the outbox is empty; " + services.manage("audit_ledger").output.strip().replace("\n", ", "))
