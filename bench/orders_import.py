"""`import`: the importer, with accrual and returns, beside a bare COPY of the same lines."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg2

from bench.dataset import ORDERS, RETURNS, dataset_folder, missing_dataset, unzipped
from bench.frame import Contender, Sample
from bench.services import Services, Worker


class OrdersImport:
    """Lines of orders per second, from the start of the command to its end."""

    title = "orders, their points and their returns, from CSV"
    unit = "lines/s"
    rounds = 3

    def unavailable(self) -> str | None:
        return missing_dataset()

    @contextmanager
    def contenders(self, services: Services) -> Iterator[Sequence[Contender]]:
        plain = services.data_dir / "orders.csv"
        lines = unzipped(dataset_folder() / ORDERS, plain)
        yield [
            Contender("import_orders, alone", lambda: _ours(services, lines, workers=0)),
            Contender("import_orders, a worker beside it", lambda: _ours(services, lines, workers=1)),
            Contender("bare COPY of the same lines", lambda: _bare_copy(services, plain, lines)),
        ]


def _ours(services: Services, lines: int, *, workers: int) -> Sample:
    files = [str(dataset_folder() / ORDERS), f"--returns={dataset_folder() / RETURNS}"]
    with services.fresh_database() as database_url:
        worker = Worker(services, concurrency=1, database_url=database_url) if workers else None
        try:
            if worker:
                worker.start()
            done = services.manage("import_orders", *files, database_url=database_url)
        finally:
            if worker:
                worker.stop()
        _check(database_url, lines)
    return Sample(lines / done.wall, {"seconds": done.wall, "importer_cpu_seconds": done.cpu})


def _check(database_url: str, lines: int) -> None:
    """A fast import of something else would be no import."""
    connection = psycopg2.connect(database_url)
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT (SELECT count(*) FROM order_items), (SELECT count(*) FROM core_outboxmessage),"
                " (SELECT count(*) FROM points_transactions) > 0, (SELECT count(*) FROM order_returns) > 0"
            )
            found = cursor.fetchone()
    finally:
        connection.close()
    if found != (lines, 0, True, True):
        raise AssertionError(f"the import left {found} instead of {(lines, 0, True, True)}")


def _bare_copy(services: Services, plain: Path, lines: int) -> Sample:
    with services.fresh_database() as database_url:
        connection = psycopg2.connect(database_url)
        try:
            with connection.cursor() as cursor, plain.open() as file:
                cursor.execute(
                    "CREATE TABLE copied (user_id text, item_id text, at timestamp, order_id text, qty int,"
                    " price numeric(12, 2), item_name text)"
                )
                connection.commit()
                began = time.monotonic()
                cursor.copy_expert("COPY copied FROM STDIN WITH (FORMAT csv, HEADER)", file)
                connection.commit()
                seconds = time.monotonic() - began
        finally:
            connection.close()
    return Sample(lines / seconds, {"seconds": seconds})
