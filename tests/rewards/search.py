"""Trying lives until one shows that the ledger and the reference differ."""

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass

import hypothesis
from django.db import connection
from hypothesis import HealthCheck, Phase
from hypothesis.stateful import run_state_machine_as_test

from tests.rewards.lives import Ledger

STEPS = 40
EXAMPLES = 20
_ROLLED_BACK = (
    "user_points, points_transactions, point_lots, lot_allocations, user_vouchers, core_outboxmessage,"
    " orders, order_items, order_steps, order_returns"
)


@dataclass(frozen=True)
class Search:
    """What a search tried and found: `story` is the shortest way to `error`, or what was found of it."""

    seed: int
    examples: int
    steps: int
    seconds: float
    error: BaseException | None = None

    @property
    def story(self) -> str:
        lines = [f"{type(self.error).__name__}: {self.error}", *getattr(self.error, "__notes__", ())]
        return "\n".join(lines)


def search(*, seed: int, examples: int = EXAMPLES, shorten: bool = True) -> Search:
    """Try so many lives of the seed's; the first that fails is made as short as can be, if wanted."""
    settings = hypothesis.settings(
        max_examples=examples,
        stateful_step_count=STEPS,
        phases=[Phase.generate, Phase.shrink] if shorten else [Phase.generate],
        deadline=None,
        database=None,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    Ledger.start_counting()
    error, start = None, time.monotonic()
    try:
        run_state_machine_as_test(hypothesis.seed(seed)(Ledger), settings=settings)
    except Exception as failure:  # whatever the services raise is a finding
        error = failure
    examples, steps, seconds = Ledger.counted(start)
    return Search(seed, examples, steps, seconds, error)


def prove(seconds: float, seed: int | None = None) -> list[Search]:
    """Search until the time is up, a batch a seed; print what was done, and return what failed."""
    start, done = time.monotonic(), []
    while not done or (seed is None and time.monotonic() - start < seconds):
        done.append(search(seed=secrets.randbits(32) if seed is None else seed))
        if done[-1].error:
            print(f"\nSEED={done[-1].seed}\n{done[-1].story}\n")
        with connection.cursor() as cursor:
            cursor.execute(f"VACUUM {_ROLLED_BACK}")  # else each batch reads past the rows of all before it
    failed = [one for one in done if one.error]
    print(f"\n{told(done)}, {len(failed)} failures in {time.monotonic() - start:.0f} s")
    return failed


def find(*, seed: int, shorten: bool, batches: int = 50) -> list[Search]:
    """Search from this seed on until something is found, or not in so many batches."""
    done: list[Search] = []
    while len(done) < batches and not (done and done[-1].error):
        done.append(search(seed=seed + len(done), shorten=shorten))
    return done


def told(done: Sequence[Search]) -> str:
    steps, seconds = sum(one.steps for one in done), sum(one.seconds for one in done)
    examples = sum(one.examples for one in done)
    return f"{steps} steps, {examples} examples, {seconds:.1f} s of searching ({steps / seconds:.0f} steps/s)"
