"""Whether the time of an answer tells if an account exists: `python -m tests.accounts.timing --rounds 1000`.

Calls about known and unknown accounts are made in random turns; the two distributions are printed with the
Mann-Whitney test's p, and with how often a call about a known account took longer than one about an unknown
one: 0.5 where time tells nothing, 0 or 1 where it tells everything.
"""

import argparse
import bisect
import gc
import math
import os
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from django.contrib.auth.hashers import PBKDF2PasswordHasher

Call = Callable[[], object]
ROUNDS = "TIMING_ROUNDS"
_BARS = " ▁▂▃▄▅▆▇█"
_BINS = 48


class BriefHasher(PBKDF2PasswordHasher):
    """The usual hash with few rounds: what is beside it weighs more."""

    algorithm = "brief"
    iterations = 2000


@dataclass(frozen=True)
class Comparison:
    what: str
    known: list[float]
    unknown: list[float]

    @property
    def longer(self) -> float:
        """How often a call about a known account took longer than one about an unknown one (ties half)."""
        ordered = sorted(self.unknown)
        below = sum(bisect.bisect_left(ordered, t) + bisect.bisect_right(ordered, t) for t in self.known)
        return below / 2 / (len(self.known) * len(self.unknown))

    @property
    def p(self) -> float:
        """The two-sided p of Mann and Whitney, by the normal approximation."""
        n, m = len(self.known), len(self.unknown)
        sigma = math.sqrt((n + m + 1) / (12 * n * m))
        return math.erfc(abs(self.longer - 0.5) / sigma / math.sqrt(2))

    def __str__(self) -> str:
        low, high = _span([*self.known, *self.unknown])
        lines = [f"{self.what}: {low * 1000:.2f} ms to {high * 1000:.2f} ms"]
        for name, times in (("known", self.known), ("unknown", self.unknown)):
            cuts = statistics.quantiles(times, n=20)
            marks = " ".join(f"{label} {cuts[at] * 1000:6.2f}" for label, at in _MARKS)
            lines.append(f"  {name:8} n={len(times):5} {marks} ms  |{_bars(times, low, high)}|")
        lines.append(f"  known is slower with probability {self.longer:.3f}, p = {self.p:.3f}")
        return "\n".join(lines)


_MARKS = (("p5", 0), ("p25", 4), ("p50", 9), ("p75", 14), ("p95", 18))


def compare(what: str, known: Iterable[Call], unknown: Iterable[Call], *, warm_up: int = 10) -> Comparison:
    """Time each call once, a known one and an unknown one in random order, with the collector at rest."""
    pairs = list(zip(known, unknown, strict=True))
    times: dict[str, list[float]] = {"known": [], "unknown": []}
    gc.collect()
    gc.disable()
    try:
        for number, pair in enumerate(pairs):
            turns = [("known", pair[0]), ("unknown", pair[1])]
            random.shuffle(turns)
            for kind, call in turns:
                start = time.perf_counter()
                call()
                seconds = time.perf_counter() - start
                if number >= warm_up:
                    times[kind].append(seconds)
    finally:
        gc.enable()
    return Comparison(what, times["known"], times["unknown"])


def _span(times: Sequence[float]) -> tuple[float, float]:
    cuts = statistics.quantiles(times, n=50)
    return cuts[0], cuts[-1]


def _bars(times: Sequence[float], low: float, high: float) -> str:
    counts = [0] * _BINS
    for seconds in times:
        if low <= seconds <= high:
            counts[min(int((seconds - low) / ((high - low) or 1) * _BINS), _BINS - 1)] += 1
    most = max(counts) or 1
    return "".join(_BARS[math.ceil(count / most * (len(_BARS) - 1))] for count in counts)


def main() -> int:
    import pytest

    parser = argparse.ArgumentParser(prog="python -m tests.accounts.timing", description=__doc__)
    parser.add_argument("--rounds", type=int, default=1000, help="calls of each kind")
    os.environ[ROUNDS] = str(parser.parse_args().rounds)
    return int(pytest.main(["-q", "-s", "-p", "no:cacheprovider", "tests/accounts/test_timing.py"]))


if __name__ == "__main__":
    sys.exit(main())
