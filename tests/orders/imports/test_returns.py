"""What a returns file does to the orders of its members."""

import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from orders.imports import chunks
from orders.models import Order, OrderItem, OrderReturn
from tests.orders.imports.csvs import orders_file, rejects_of, returns_file, run_import
from tests.rewards.ledger import assert_clean_books

pytestmark = pytest.mark.django_db

ZONE = ZoneInfo("Africa/Johannesburg")


@pytest.fixture(autouse=True)
def soon_after() -> Iterator[None]:
    """Points of the orders below have not expired."""
    with time_machine.travel(datetime(2024, 7, 1, 12, tzinfo=ZONE)):
        yield


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE)


def returned() -> dict[tuple[str, int], int]:
    """Pieces that came back, by order number and the line's position; the others are left out."""
    lines = OrderItem.objects.filter(returned_qty__gt=0)
    return {
        (number, place): qty
        for number, place, qty in lines.values_list("order__number", "position", "returned_qty")
    }


def net_points() -> dict[str, int]:
    """Points of each order, less what was reversed, by its number."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT number, sum(points)::int FROM points_transactions AS entry"
            " JOIN orders ON orders.id = entry.order_id"
            " WHERE transaction_type IN ('earned', 'reversed') GROUP BY 1"
        )
        return dict(cursor.fetchall())


ORDERS = (
    "M1,A,2024-05-01T10:00:00,O1,4,10.00,LAMP",
    "M1,A,2024-05-03T10:00:00,O2,3,10.00,LAMP",
    "M1,A,2024-05-03T10:00:00,O2,2,20.00,LAMP",
    "M2,A,2024-05-04T10:00:00,O3,9,10.00,LAMP",
    "M1,A,2024-05-09T10:00:00,O4,9,10.00,LAMP",
)


def run(folder: Path, *returns: str, name: str = "returns.csv") -> tuple[str, Path]:
    """Import the orders above and these returns; return what is said of the returns, and their file."""
    path = returns_file(folder, *returns, name=name)
    return run_import(orders_file(folder, *ORDERS), path, keep_dates=True)[-1], path


def test_a_return_goes_to_the_newest_earlier_order_and_there_to_the_last_line_first(tmp_path: Path) -> None:
    said, path = run(tmp_path, "M1,A,2024-05-05T10:00:00,C1,1,10.00")
    assert said == "returns.csv: 1 return of 1 piece, by 1 credit note; no rejects"
    assert rejects_of(path) is None
    assert returned() == {("O2", 2): 1}
    order = Order.objects.get(number="O2")
    assert order.status == "partially_returned"
    credit_note = OrderReturn.objects.get()
    assert (
        credit_note.order,
        credit_note.reference,
        credit_note.at,
        credit_note.actor,
        credit_note.reason,
    ) == (
        *(order, "C1", local("2024-05-05T10:00"), "import"),
        "Imported from returns.csv",
    )
    assert net_points() == {"O1": 4, "O2": 5, "O3": 9, "O4": 9}
    assert_clean_books()


def test_a_big_return_goes_on_to_older_lines_and_orders_and_is_one_return_in_each(tmp_path: Path) -> None:
    said, _ = run(tmp_path, "M1,A,2024-05-05T10:00:00,C1,8,10.00")
    assert said.startswith("returns.csv: 2 returns of 8 pieces, by 1 credit note; no rejects")
    assert returned() == {("O2", 2): 2, ("O2", 1): 3, ("O1", 1): 3}
    assert dict(Order.objects.values_list("number", "status")) == {
        "O1": "partially_returned",
        "O2": "returned",
        "O3": "delivered",
        "O4": "delivered",
    }
    assert net_points() == {"O1": 1, "O2": 0, "O3": 9, "O4": 9}


def test_returns_add_up_over_rows_and_credit_notes_in_the_order_of_the_file(tmp_path: Path) -> None:
    said, path = run(
        tmp_path,
        "M1,A,2024-05-05T10:00:00,C1,1,10.00",
        "M1,A,2024-05-02T10:00:00,C2,3,10.00",
        "M1,A,2024-05-05T11:00:00,C1,2,10.00",
        "M1,A,2024-05-06T10:00:00,C3,4,10.00",
    )
    assert said.startswith("returns.csv: 4 returns of 9 pieces, by 3 credit notes; 1 reject in ")
    assert returned() == {("O1", 1): 4, ("O2", 1): 3, ("O2", 2): 2}
    assert rejects_of(path) == [
        (
            5,
            "3 of 4 pieces returned: earlier orders of member M1 have no more of item A",
            "M1,A,2024-05-06T10:00:00,C3,4,10.00",
        )
    ]
    lines = defaultdict(Counter)
    for credit_note in OrderReturn.objects.all():
        for line in credit_note.lines.all():
            lines[credit_note.reference][credit_note.order.number, line.item.position] += line.qty
    assert lines == {
        "C1": {("O2", 2): 2, ("O2", 1): 1},
        "C2": {("O1", 1): 3},
        "C3": {("O2", 1): 2, ("O1", 1): 1},
    }
    assert OrderReturn.objects.get(reference="C1").at == local("2024-05-05T11:00")


@pytest.mark.parametrize(
    "row",
    [
        "M1,A,2024-05-01T10:00:00,C1,2,10.00",  # placed at the same moment, not before
        "M1,A,2024-04-01T10:00:00,C1,2,10.00",
        "M1,B,2024-05-05T10:00:00,C1,2,10.00",
        "M9,A,2024-05-05T10:00:00,C1,2,10.00",
        "M2,A,2024-05-03T10:00:00,C1,2,10.00",
    ],
)
def test_a_return_of_what_was_not_bought_before_is_rejected_and_changes_nothing(
    tmp_path: Path, row: str
) -> None:
    said, path = run(tmp_path, row)
    member, item = row.split(",")[:2]
    assert said.startswith("returns.csv: 0 returns of 0 pieces, by 1 credit note; 1 reject in ")
    assert rejects_of(path) == [
        (2, f"no earlier order of member {member} has anything of item {item} left to return", row)
    ]
    assert (returned(), OrderReturn.objects.count()) == ({}, 0)
    assert set(User.objects.values_list("external_id", flat=True)) == {"M1", "M2"}


def test_unusable_rows_and_rows_that_found_nothing_stand_in_one_file_by_line(tmp_path: Path) -> None:
    _, path = run(
        tmp_path,
        "M9,A,2024-05-05T10:00:00,C1,2,10.00",
        "M1,A,2024-05-05T10:00:00,C2,-2,10.00",
        "M8,A,2024-05-05T10:00:00,C3,2,10.00",
    )
    assert [(line, reason) for line, reason, _ in rejects_of(path)] == [
        (2, "no earlier order of member M9 has anything of item A left to return"),
        (3, "qty '-2' is not above 0"),
        (4, "no earlier order of member M8 has anything of item A left to return"),
    ]


def test_a_second_run_returns_nothing_more_and_says_the_same(tmp_path: Path) -> None:
    rows = ["M1,A,2024-05-05T10:00:00,C1,1,10.00", "M1,A,2024-05-06T10:00:00,C2,99,10.00"]
    first, path = run(tmp_path, *rows)
    rejects = rejects_of(path)
    before = returned()
    assert run(tmp_path, *rows)[0] == first
    assert (returned(), rejects_of(path)) == (before, rejects)
    assert before == {("O2", 1): 3, ("O2", 2): 2, ("O1", 1): 4}


def test_a_credit_note_that_an_earlier_file_brought_is_passed_over(tmp_path: Path) -> None:
    run(tmp_path, "M1,A,2024-05-05T10:00:00,C1,1,10.00")
    said, path = run(
        tmp_path,
        "M1,A,2024-05-05T10:00:00,C1,1,10.00",
        "M2,A,2024-05-05T10:00:00,C1,1,10.00",
        "M1,A,2024-05-06T10:00:00,C2,1,10.00",
        name="more.csv",
    )
    assert said == "more.csv: 2 returns of 2 pieces, by 2 credit notes; no rejects"
    assert returned() == {("O2", 2): 2, ("O3", 1): 1}
    assert rejects_of(path) is None


def test_returns_may_come_after_an_import_without_them_and_use_its_shift(tmp_path: Path) -> None:
    orders = orders_file(tmp_path, *ORDERS)
    with time_machine.travel(local("2026-03-02T12:00"), tick=False):
        run_import(orders)
    returns = returns_file(tmp_path, "M1,A,2024-05-05T10:00:00,C1,1,10.00")
    with time_machine.travel(local("2026-03-20T12:00"), tick=False):
        run_import(orders, returns)
    assert Order.objects.get(number="O4").placed_at == local("2026-03-02T10:00")
    assert OrderReturn.objects.get().at == local("2026-02-26T10:00")


def test_a_return_that_the_shift_brings_into_the_future_counts_as_of_now(tmp_path: Path) -> None:
    orders = orders_file(tmp_path, *ORDERS)
    returns = returns_file(tmp_path, "M1,A,2024-06-05T10:00:00,C1,1,10.00")
    with time_machine.travel(local("2026-03-02T12:00"), tick=False):
        run_import(orders, returns)
    assert returned() == {("O4", 1): 1}
    assert OrderReturn.objects.get().at == local("2026-03-02T12:00")


def test_a_chunk_of_returns_takes_the_same_number_of_statements_whatever_its_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = []
    for count in (2, 30):
        bought = [f"M{count}-{n % 9},A,2024-05-01T10:00:00,{count}-{n},5,1.10,LAMP" for n in range(count)]
        back = [f"M{count}-{n % 9},A,2024-05-02T10:00:00,C{count}-{n},{5 + n % 2},1.10" for n in range(count)]
        statements: list[int] = []

        def counted(*arguments: object, statements: list[int] = statements) -> int:
            with CaptureQueriesContext(connection) as captured:
                stored = chunks.store_next_chunk(*arguments)
            statements.append(len(captured))
            return stored

        with monkeypatch.context() as counting:
            counting.setattr("orders.imports.running.store_next_chunk", counted)
            run_import(orders_file(tmp_path, *bought), returns_file(tmp_path, *back), keep_dates=True)
        counts.append(statements)
    assert [len(statements) for statements in counts] == [4, 4]  # a chunk and the end, of both files
    assert counts[0] == counts[1]


@pytest.mark.parametrize(("documents", "rows"), [(1000, 10_000), (3, 10_000), (1000, 1)])
def test_a_random_shop_comes_out_as_a_plain_reckoning_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, documents: int, rows: int
) -> None:
    monkeypatch.setattr(chunks, "_DOCUMENTS", documents)
    monkeypatch.setattr(chunks, "_ROWS", rows)
    chance = random.Random(20111209)
    start = datetime(2024, 1, 1, 8)
    bought, back = [], []
    for number in range(120):
        at, member = start + timedelta(hours=7 * number), f"M{chance.randrange(12)}"
        bought += [
            (
                member,
                f"I{chance.randrange(6)}",
                at,
                f"O{number:03}",
                chance.randint(1, 9),
                f"{chance.randint(1, 3000) / 100:.2f}",
            )
            for _ in range(chance.randint(1, 5))
        ]
    for number in range(150):
        at, member = start + timedelta(hours=5.6 * number, minutes=1), f"M{chance.randrange(13)}"
        back += [
            (member, f"I{chance.randrange(7)}", at, f"C{number:03}", chance.randint(1, 12), "1.00")
            for _ in range(chance.randint(1, 3))
        ]
    left = [line[4] for line in bought]
    refused = []
    for line, (member, item, at, _, wanted, _) in enumerate(back, start=2):
        missing = wanted
        for place in reversed(range(len(bought))):
            if bought[place][:2] == (member, item) and bought[place][2] < at:
                pieces = min(missing, left[place])
                left[place] -= pieces
                missing -= pieces
        if missing:
            refused.append((line, wanted - missing))
    kept: dict[str, Decimal] = defaultdict(Decimal)
    for (_, _, _, number, qty, price), remaining in zip(bought, left, strict=True):
        part = qty * Decimal(price) * remaining / qty
        kept[number] += part.quantize(Decimal("0.01"), ROUND_HALF_UP)

    text = [",".join(map(str, (*row[:2], row[2].isoformat(), *row[3:]))) for row in (*bought, *back)]
    orders = orders_file(tmp_path, *(f"{row},NAME" for row in text[: len(bought)]))
    returns = returns_file(tmp_path, *text[len(bought) :])
    run_import(orders, returns, keep_dates=True)

    assert len(refused) > 50
    assert sum(found > 0 for _, found in refused) > 10
    assert [line for line, _, _ in rejects_of(returns)] == [line for line, _ in refused]
    in_file_order = OrderItem.objects.order_by("order__number", "position").values_list("qty", "returned_qty")
    assert [qty - gone for qty, gone in in_file_order] == left
    assert {number: points for number, points in net_points().items() if points} == {
        number: int(amount / 10) for number, amount in kept.items() if amount >= 10
    }
    assert_clean_books()
