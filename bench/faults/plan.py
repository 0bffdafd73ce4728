"""Which faults come when: the same for the same seed."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import count

FIRST_SECOND = 1.5
"""The load alone, before the first fault."""


class Kind(StrEnum):
    WEB_PROCESS_KILLED = "web process killed"
    WEB_MASTER_KILLED = "web master killed"
    WORKER_CHILD_KILLED = "worker's child killed"
    WORKER_KILLED = "worker killed"
    IMPORTER_KILLED = "importer killed"
    POSTGRES_RESTARTED = "PostgreSQL restarted (immediate)"
    POSTGRES_SESSION_KILLED = "PostgreSQL session killed"
    REDIS_EMPTIED = "Redis emptied"
    REDIS_STOPPED = "Redis emptied and stopped"
    WEB_PAUSED = "web process paused"
    WORKER_PAUSED = "worker process paused"
    POSTGRES_PAUSED = "PostgreSQL sessions paused"
    REDIS_PAUSED = "Redis paused"


LASTING = frozenset(
    {Kind.REDIS_STOPPED, Kind.WEB_PAUSED, Kind.WORKER_PAUSED, Kind.POSTGRES_PAUSED, Kind.REDIS_PAUSED}
)


@dataclass(frozen=True, slots=True)
class Fault:
    """Something done `at` so many seconds, that lasts for `seconds`; `dice` chooses among processes."""

    at: float
    kind: Kind
    seconds: float
    dice: int


def planned(
    seed: str, *, seconds: float, gap: tuple[float, float], pause: tuple[float, float]
) -> list[Fault]:
    """Plan faults for `seconds`, each some `gap` after the end of the one before.

    Every kind comes once before any comes again, in an order that the seed decides.
    """
    rng = random.Random(f"{seed} faults")
    faults: list[Fault] = []
    at = FIRST_SECOND
    for kind in _decks(rng):
        lasts = round(rng.uniform(*pause), 2) if kind in LASTING else 0.0
        if at + lasts > seconds:
            return faults
        faults.append(Fault(round(at, 2), kind, lasts, rng.randrange(2**32)))
        at += lasts + rng.uniform(*gap)
    raise AssertionError("decks do not end")


def _decks(rng: random.Random) -> Iterator[Kind]:
    for _ in count():
        deck = list(Kind)
        rng.shuffle(deck)
        yield from deck
