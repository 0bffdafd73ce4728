"""What a run prints: faults with how long everything took to work again, and what requests came to."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.faults.plan import Fault
from bench.faults.record import BROKEN, TIMED_OUT, Op


@dataclass(frozen=True, slots=True)
class Suffered:
    """A fault that was done, from when to when, in seconds since the beginning."""

    fault: Fault
    began: float
    ended: float


Worked = Sequence[tuple[float, float]]


def again_after(suffered: Suffered, worked: Worked) -> float | None:
    """Seconds from a fault's end until something that was begun after it had worked; None: it never did."""
    return next((end - suffered.ended for began, end in worked if began >= suffered.ended), None)


def faults_table(suffered: Sequence[Suffered], writes: Worked, points: Worked) -> str:
    """Lay out each fault with its recoveries, and each kind with its count and slowest recovery."""
    rows = [f"  {'at':>7}  {'fault':<34}{'lasts':>7}{'writes again':>14}{'points again':>14}"]
    slowest: dict[str, list[float]] = defaultdict(lambda: [0, 0.0, 0.0])
    for one in suffered:
        after = [again_after(one, worked) for worked in (writes, points)]
        lasts = f"{one.ended - one.began:.1f} s" if one.fault.seconds else ""
        cells = "".join(f"{_seconds(seconds):>14}" for seconds in after)
        rows.append(f"  {one.began:>6.1f}s  {one.fault.kind:<34}{lasts:>7}{cells}")
        kind = slowest[one.fault.kind]
        kind[0] += 1
        kind[1:] = [max(was, seconds or 0.0) for was, seconds in zip(kind[1:], after, strict=True)]
    rows += ["", f"  {'fault':<34}{'times':>7}{'slowest: writes':>18}{'points':>12}"]
    for name, (times, write, point) in sorted(slowest.items()):
        rows.append(f"  {name:<34}{times:>7}{_seconds(write):>18}{_seconds(point):>12}")
    return "\n".join(rows)


def _seconds(seconds: float | None) -> str:
    return "never" if seconds is None else f"{seconds:.1f} s"


def outcomes_table(ops: Iterable[Op]) -> str:
    """Count what each kind of request came to, and the refusals by code."""
    columns = ["2xx", "replayed", "4xx", "503", "other 5xx", BROKEN, TIMED_OUT]
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    slowest: dict[str, float] = defaultdict(float)
    refusals: Counter[str] = Counter()
    for op in ops:
        counts[op.kind]["asked"] += 1
        for attempt in op.attempts:
            counts[op.kind]["sent"] += 1
            counts[op.kind]["replayed"] += attempt.replayed
            outcome = attempt.outcome
            if isinstance(outcome, int):
                slowest[op.kind] = max(slowest[op.kind], attempt.seconds)
                column = "503" if outcome == 503 else "other 5xx" if outcome >= 500 else f"{outcome // 100}xx"
                counts[op.kind][column] += 1
                if column == "4xx":
                    refusals[f"{outcome} {attempt.answer.get('code', '')}"] += 1
            elif outcome is not None:
                counts[op.kind][outcome] += 1
    names = ["asked", "sent", *columns]
    heads = "".join(f"{name:>{_width(name)}}" for name in names)
    rows = [f"  {'request':<16}{heads}   slowest answer"]
    total: Counter[str] = Counter()
    for kind, found in sorted(counts.items()):
        total.update(found)
        rows.append(_row(kind, found, names, slowest[kind]))
    rows.append(_row("all", total, names, max(slowest.values(), default=0.0)))
    rows += ["", "  refusals: " + ", ".join(f"{code} {n}" for code, n in refusals.most_common())]
    return "\n".join(rows)


def _row(kind: str, found: Counter[str], names: list[str], slowest: float) -> str:
    cells = "".join(f"{found[name]:>{_width(name)},}" for name in names)
    return f"  {kind:<16}{cells}{slowest:>15.1f} s"


def _width(name: str) -> int:
    return max(len(name) + 2, 9)
