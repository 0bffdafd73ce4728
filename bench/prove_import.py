"""Proves that an import comes to the same figures whatever happens on the way: `make prove-import`.

Imports the dataset on servers of its own, with a Celery worker beside it, and on the way kills the importer
three times and the worker once with SIGKILL, empties Redis, and restarts PostgreSQL, once as after a crash.
Exit status 1 when a figure is not as reckoned, or the books don't balance.
"""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields

import psycopg2

from bench.dataset import ORDERS, RETURNS, dataset_folder, missing_dataset
from bench.reckoning import Figures, reckon
from bench.services import Import, ProgramFailed, Services, Worker, scratch_services
from config.embedded import ServiceFailed

# What the dataset's own description says of it, and 1 point for every R10 of each order.
_KNOWN = {
    "orders": "18402",
    "members": "4334",
    "lines": "396337",
    "amount": "8761066.65",
    "points_earned": "867070",
}

_FOUND = """
SELECT (SELECT count(*) FROM orders),
       (SELECT count(DISTINCT user_id) FROM orders),
       (SELECT count(*) FROM order_items),
       (SELECT sum(total) FROM orders),
       (SELECT sum(points)::bigint FROM points_transactions WHERE transaction_type = 'earned'),
       (SELECT sum(points)::bigint FROM points_transactions),
       (SELECT sum(returned_qty) FROM order_items),
       (SELECT count(*) FROM order_returns),
       (SELECT count(*) FROM order_import_rejects)
"""

_PROGRESS = """
SELECT kind, CASE WHEN finished_at IS NULL THEN (
           SELECT count(*) FROM order_import_documents AS document
           WHERE document.file_id = file.id AND document.position <= file.position
       )::float / greatest(documents, 1) ELSE 1 END
FROM order_import_files AS file ORDER BY id
"""

_PATIENCE_SECONDS = 600
_LOOK_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is done to the import once it has come as far as `due` says."""

    title: str
    due: Callable[[float, dict[str, float]], bool]
    do: Callable[[], None]


def main() -> int:
    if reason := missing_dataset():
        print(f"prove-import: skipped, {reason}")
        return 0
    try:
        with scratch_services("prove-import") as services:
            return _prove(services)
    except (ServiceFailed, ProgramFailed) as failure:
        print(failure, file=sys.stderr)
        return 1


def _prove(services: Services) -> int:
    print("What happened:", flush=True)
    worker = Worker(services, concurrency=2)
    importer = Import(services, *_files())
    try:
        worker.start()
        began = time.monotonic()
        importer.start()
        _run_with(importer, _faults(services, importer, worker), services, began)
        print(f"  {time.monotonic() - began:6.1f} s  the import is through, at its {importer.starts}th start")
        first = _found(services)
        again = services.manage("import_orders", *_files())
        print(f"  {time.monotonic() - began:6.1f} s  it was run once more, in {again.wall:.1f} s")
        second = _found(services)
    except ProgramFailed:
        print(importer.output(), file=sys.stderr)
        raise
    finally:
        importer.kill()
        worker.kill()
    audit = services.manage("audit_ledger").output.strip().splitlines()
    expected = reckon(dataset_folder() / ORDERS, dataset_folder() / RETURNS)
    print("\nWhat the importer said, over all its starts:")
    print("".join(f"  {line}\n" for line in importer.output().splitlines()))
    print("What was found:")
    wrong = list(_compared(expected, first, second))
    print(f"\naudit_ledger: {'; '.join(audit)}")
    print(f"\nWrong: {', '.join(wrong)}" if wrong else "\nEvery figure is as it must be.")
    return int(bool(wrong))


def _faults(services: Services, importer: Import, worker: Worker) -> list[Fault]:
    def orders(part: float) -> Callable[[float, dict[str, float]], bool]:
        return lambda _, done: done.get("orders", 0) >= part

    def returns(part: float) -> Callable[[float, dict[str, float]], bool]:
        return lambda _, done: done.get("returns", 0) >= part

    return [
        Fault(
            "SIGKILL to the importer while it reads the file",
            lambda seconds, done: seconds > 3 and "orders" not in done,
            importer.kill_and_start_again,
        ),
        Fault("SIGKILL to the worker and its children", orders(0.1), worker.kill),
        Fault("SIGKILL to the importer among the orders", orders(0.3), importer.kill_and_start_again),
        Fault("a new worker", orders(0.4), worker.start),
        Fault("Redis emptied", orders(0.5), services.empty_redis),
        Fault(
            "PostgreSQL restarted as after a crash (immediate)",
            orders(0.6),
            lambda: os.kill(services.postmaster(), signal.SIGQUIT),
        ),
        Fault("Redis emptied again", orders(0.95), services.empty_redis),
        Fault("SIGKILL to the importer among the returns", returns(0.2), importer.kill_and_start_again),
        Fault(
            "PostgreSQL restarted (fast)",
            returns(0.5),
            lambda: os.kill(services.postmaster(), signal.SIGINT),
        ),
    ]


def _run_with(importer: Import, faults: list[Fault], services: Services, began: float) -> None:
    """Let the import run, doing each fault when it is due.

    Raises:
        ProgramFailed: the importer failed, came to its end before the last fault, or took ten minutes.
    """
    waiting = list(faults)
    while (status := importer.status()) is None:
        seconds = time.monotonic() - began
        if seconds > _PATIENCE_SECONDS:
            raise ProgramFailed(f"the import is not through after {_PATIENCE_SECONDS} s")
        done = _progress(services)
        if waiting and done is not None and waiting[0].due(seconds, done):
            fault = waiting.pop(0)
            far = ", ".join(f"{kind} {part:.0%}" for kind, part in done.items()) or "nothing stored"
            print(f"  {seconds:6.1f} s  {fault.title} ({far})", flush=True)
            fault.do()
        time.sleep(_LOOK_SECONDS)
    if status:
        raise ProgramFailed(f"import_orders ended with {status}")
    if waiting:
        raise ProgramFailed(f"the import was through before: {waiting[0].title}")


def _progress(services: Services) -> dict[str, float] | None:
    """How far each file is, from 0 to 1; None while the database is away."""
    try:
        return {str(kind): float(str(part)) for kind, part in services.statement(_PROGRESS)}
    except psycopg2.Error:
        return None


def _found(services: Services) -> Figures:
    return Figures(*services.statement(_FOUND)[0])  # type: ignore[arg-type]


def _files() -> list[str]:
    return [str(dataset_folder() / ORDERS), f"--returns={dataset_folder() / RETURNS}"]


def _compared(expected: Figures, first: Figures, second: Figures) -> Iterator[str]:
    """Print the figures beside each other; yield the names of those that differ."""
    print(f"  {'':16}{'must be':>14}{'found':>14}{'run once more':>15}")
    for name in (field.name for field in fields(Figures)):
        row = [getattr(figures, name) for figures in (expected, first, second)]
        right = len(set(row)) == 1 and str(row[0]) == _KNOWN.get(name, str(row[0]))
        cells = f"{row[0]:>14,}{row[1]:>14,}{row[2]:>15,}"
        print(f"  {name.replace('_', ' '):16}{cells}{'' if right else '   WRONG'}")
        if not right:
            yield name


if __name__ == "__main__":
    sys.exit(main())
