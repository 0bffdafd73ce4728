"""Imports that are stopped, started again, or run at the same time."""

import os
import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta
from decimal import Decimal
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from django.conf import settings
from django.core.management import CommandError
from django.db import DataError, OperationalError, connection
from django.utils import timezone

from config.celery import app as celery_app
from core import outbox
from core.models import OutboxMessage
from orders.contracts import ORDER_DELIVERED
from orders.imports import chunks, draining
from orders.imports.models import ImportDocument, ImportFile, ImportRow
from orders.imports.turns import Turn
from orders.models import Order, OrderItem, OrderReturn
from rewards.contracts import POINTS_EARNED
from tests.concurrency import together
from tests.orders.imports.csvs import orders_file, rejects_of, returns_file, run_import
from tests.rewards.ledger import assert_clean_books

pytestmark = pytest.mark.django_db(transaction=True)

ORDERS = [
    *(f"M{n % 4},I{n % 3},2024-05-{n + 1:02}T10:00:00,O{n:02},{n + 1},10.00,LAMP" for n in range(12)),
    "M4,I4,2024-06-30T00:00:00,O12,5,3.00,VASE",
    "not a row",
]
RETURNS = [f"M{n % 4},I{n % 3},2024-06-{n + 1:02}T10:00:00,C{n},{n + 2},10.00" for n in range(9)]

# Runs the command in chunks of two and kills itself, by the signal that nobody can catch, in the middle of
# the n-th call of a function: after its work and before the transaction's end.
_KILLED = """
import importlib, os, signal, sys
from pathlib import Path
import django
django.setup()
from django.conf import settings
from django.core.management import call_command
from config.celery import app
from orders.imports import chunks
target, nth, prefix, data_dir, orders, returns = sys.argv[1:]
settings.DATA_DIR = Path(data_dir)
app.conf.broker_transport_options = {**app.conf.broker_transport_options, "global_keyprefix": prefix}
chunks._DOCUMENTS = 2
module, name = target.rsplit(".", 1)
module = importlib.import_module(module)
original, calls = getattr(module, name), 0

def killed(*arguments, **named):
    global calls
    result = original(*arguments, **named)
    calls += 1
    if calls == int(nth):
        os.kill(os.getpid(), signal.SIGKILL)
    return result

setattr(module, name, killed)
call_command("import_orders", orders, returns=returns)
"""


def database_url() -> str:
    """The tests' own database, for another process."""
    found = connection.settings_dict
    host = found["HOST"] or found["OPTIONS"].get("host", "")
    port = f"&port={found['PORT']}" if found["PORT"] else ""
    password = f":{quote(found['PASSWORD'], safe='')}" if found["PASSWORD"] else ""
    return f"postgresql://{quote(found['USER'], safe='')}{password}@/{found['NAME']}?host={quote(host)}{port}"


def figures() -> dict[str, object]:
    """Everything that an import leaves, without ids and times of writing."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT number, sum(points) FILTER (WHERE transaction_type = 'earned')::int, sum(points)::int"
            " FROM points_transactions JOIN orders ON orders.id = order_id GROUP BY 1"
        )
        points = {number: (earned, kept) for number, earned, kept in cursor.fetchall()}
    newest = Order.objects.latest("placed_at").placed_at
    return {
        "orders": {
            order.number: (order.user.external_id, order.status, order.total, (newest - order.placed_at).days)
            for order in Order.objects.select_related("user")
        },
        "returned": dict(OrderItem.objects.values_list("order__number", "returned_qty")),
        "returns": sorted(OrderReturn.objects.values_list("order__number", "reference")),
        "points": points,
        "left over": (
            OutboxMessage.objects.exclude(topic=POINTS_EARNED).count(),  # members hear of it later
            ImportRow.objects.count(),
            ImportDocument.objects.count(),
        ),
    }


# As a plain reckoning by hand has it: every return finds the one order of its member and item, or none.
EXPECTED = {
    "orders": {
        f"O{n:02}": (
            f"M{n % 4}",
            *(("returned" if n < 9 else "delivered"), Decimal(10 * (n + 1)), 59 - n),
        )
        for n in range(12)
    }
    | {"O12": ("M4", "delivered", Decimal(15), 0)},
    "returned": {f"O{n:02}": n + 1 if n < 9 else 0 for n in range(13)},
    "returns": [(f"O{n:02}", f"C{n}") for n in range(9)],
    "points": {f"O{n:02}": (n + 1, 0 if n < 9 else n + 1) for n in range(12)} | {"O12": (1, 1)},
    "left over": (0, 0, 0),
}


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    return orders_file(tmp_path, *ORDERS), returns_file(tmp_path, *RETURNS)


@pytest.fixture
def in_chunks_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "_DOCUMENTS", 2)


def killed_run(files: tuple[Path, Path], data_dir: Path, target: str, nth: int) -> None:
    """Run the command in a process of its own until it has called `target` for the n-th time."""
    prefix = celery_app.conf.broker_transport_options["global_keyprefix"]
    process = subprocess.run(
        [sys.executable, "-c", _KILLED, target, str(nth), prefix, str(data_dir), *map(str, files)],
        cwd=settings.BASE_DIR,
        env=os.environ | {"DATABASE_URL": database_url(), "DJANGO_SETTINGS_MODULE": "config.settings"},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (process.returncode, process.stderr) == (-signal.SIGKILL, b"")


def assert_as_expected(said: list[str], data_dir: Path) -> None:
    assert [line for line in said if not line.startswith(("Another run", "The database is away"))] == [
        "orders.csv: 13 orders (13 new) of 5 members, 13 lines, R 795.00; "
        f"dates moved by {ImportFile.objects.earliest('pk').shift.days} days; "
        f"1 reject in {data_dir}/orders.csv.rejects.csv",
        "returns.csv: 9 returns of 45 pieces, by 9 credit notes; "
        f"9 rejects in {data_dir}/returns.csv.rejects.csv",
    ]
    assert figures() == EXPECTED
    assert [line for line, _, _ in rejects_of(Path("orders.csv"))] == [15]
    assert [reason for _, reason, _ in rejects_of(Path("returns.csv"))] == [
        f"{n + 1} of {n + 2} pieces returned: earlier orders of member M{n % 4} have no more of item I{n % 3}"
        for n in range(9)
    ]
    assert_clean_books()


@pytest.mark.usefixtures("in_chunks_of_two")
@pytest.mark.parametrize(
    ("target", "nth"),
    [
        ("orders.imports.staging._copy_batch", 1),
        ("orders.imports.running.make_members", 1),
        ("orders.imports.running.store_orders", 4),
        ("orders.imports.running.store_next_chunk", 3),
        ("orders.imports.running.unstage", 1),
        ("rewards.services.earning.lock_accounts", 1),
        ("core.outbox._deliver_batch", 1),
        ("orders.imports.staging._copy_batch", 3),
        ("orders.imports.running.store_returns", 1),
        ("orders.imports.running.store_returns", 4),
        ("orders.imports.running.unstage", 2),
        ("orders.imports.running.write_rejects", 1),
    ],
)
def test_a_run_that_was_killed_ends_at_the_same_figures_when_it_is_started_again(
    files: tuple[Path, Path], data_dir: Path, target: str, nth: int
) -> None:
    killed_run(files, data_dir, target, nth)
    assert_as_expected(run_import(*files), data_dir)
    assert_as_expected(run_import(*files), data_dir)


@pytest.mark.usefixtures("in_chunks_of_two")
def test_a_run_that_was_killed_again_and_again_ends_at_the_same_figures(
    files: tuple[Path, Path], data_dir: Path
) -> None:
    killed_run(files, data_dir, "orders.imports.running.store_orders", 2)
    killed_run(files, data_dir, "orders.imports.running.store_orders", 3)
    killed_run(files, data_dir, "core.outbox._deliver_batch", 2)
    killed_run(files, data_dir, "orders.imports.running.store_returns", 2)
    assert_as_expected(run_import(*files), data_dir)


@pytest.mark.usefixtures("in_chunks_of_two")
@pytest.mark.parametrize(
    ("target", "nth"),
    [
        ("orders.imports.staging._copy_batch", 1),
        ("orders.imports.running.store_orders", 3),
        ("orders.imports.running.unstage", 1),
        ("rewards.services.earning.lock_accounts", 1),
        ("orders.imports.running.store_returns", 2),
        ("orders.imports.running.write_rejects", 2),
    ],
)
def test_a_run_goes_on_when_the_database_ends_its_connection(
    files: tuple[Path, Path], data_dir: Path, monkeypatch: pytest.MonkeyPatch, target: str, nth: int
) -> None:
    module, _, name = target.rpartition(".")
    original = getattr(import_module(module), name)
    calls = 0

    def ended(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        result = original(*arguments, **named)
        calls += 1
        if calls == nth:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        return result

    monkeypatch.setattr(target, ended)
    said = run_import(*files)
    assert calls > nth
    assert_as_expected(said, data_dir)


def test_a_database_that_stays_away_ends_the_run_in_the_end(
    files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orders.imports.patience.PATIENCE_SECONDS", 0.6)

    def away(*_: Any, **__: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    monkeypatch.setattr("orders.imports.running.store_orders", away)
    with pytest.raises(OperationalError):
        run_import(*files)


def test_an_error_that_does_not_pass_is_not_tried_again(
    files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def broken(*_: Any, **__: Any) -> None:
        calls.append(1)
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1/0")

    monkeypatch.setattr("orders.imports.running.store_orders", broken)
    with pytest.raises(DataError, match="division by zero"):
        run_import(*files)
    assert len(calls) == 1


def test_two_runs_at_once_take_turns_and_end_at_the_same_figures(
    files: tuple[Path, Path], data_dir: Path
) -> None:
    first, second = together(lambda: run_import(*files), lambda: run_import(*files))
    waited = f"Another run is importing {files[0]}: waiting for it to end."
    assert sorted([first.count(waited), second.count(waited)]) == [0, 1]
    assert_as_expected(first, data_dir)
    assert_as_expected(second, data_dir)


def test_a_run_does_nothing_while_another_has_the_turn(files: tuple[Path, Path], data_dir: Path) -> None:
    turn = Turn(sha256(files[0].read_bytes()).hexdigest(), waiting=lambda: None)
    turn.take()

    results: list[Any] = []
    run = threading.Thread(target=lambda: results.extend(together(lambda: run_import(*files))))
    run.start()
    time.sleep(1)
    seen = ImportFile.objects.count(), Order.objects.count()
    turn.give_back()
    run.join(30)
    assert seen == (0, 0)
    assert_as_expected(results[0], data_dir)


# --- the outbox --------------------------------------------------------------------------------------------


def test_workers_beside_the_run_take_part_and_nothing_is_earned_twice(
    files: tuple[Path, Path], data_dir: Path
) -> None:
    done = threading.Event()

    def worker() -> int:
        delivered = 0
        while not done.is_set():
            delivered += outbox.deliver("rewards.purchases", seconds=1)
        return delivered

    def importer() -> list[str]:
        try:
            return run_import(*files)
        finally:
            done.set()

    said, *_ = together(importer, worker, worker)
    assert_as_expected(said, data_dir)


def test_a_message_that_was_given_up_is_reported_after_everything_is_done(
    files: tuple[Path, Path], data_dir: Path
) -> None:
    run_import(*files)
    OutboxMessage.objects.create(
        subscriber="rewards.purchases", topic=ORDER_DELIVERED, payload={}, died_at=timezone.now(), tries=12
    )
    with pytest.raises(CommandError) as reported:
        run_import(*files)
    assert str(reported.value) == (
        "Outbox messages given up: 1; still failing: 0. The admin shows why, under outbox messages."
    )
    assert reported.value.returncode == 1


def test_a_message_that_keeps_failing_is_not_waited_for_for_ever(
    files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(draining, "STALLED_SECONDS", 0.3)
    run_import(files[0])
    OutboxMessage.objects.create(
        subscriber="rewards.purchases",
        topic=ORDER_DELIVERED,
        payload={},
        tries=3,
        due_at=timezone.now() + timedelta(hours=1),
    )
    with pytest.raises(CommandError, match=r"^Outbox messages given up: 0; still failing: 1\. "):
        run_import(*files)
    assert figures() == EXPECTED | {"left over": (1, 0, 0)}


def test_what_others_published_is_not_waited_for(files: tuple[Path, Path]) -> None:
    late = timezone.now() + timedelta(hours=1)
    OutboxMessage.objects.create(subscriber="rewards.purchases", topic="other.topic", payload={}, due_at=late)
    OutboxMessage.objects.create(subscriber="gone.app", topic=ORDER_DELIVERED, payload={})
    run_import(*files)
    assert figures() == EXPECTED | {"left over": (2, 0, 0)}
