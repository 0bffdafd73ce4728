"""What an orders file becomes."""

from datetime import datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.core.management import CommandError
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from catalog.models import Product
from core.models import OutboxMessage
from orders.imports import chunks
from orders.imports.delivering import store_orders
from orders.imports.models import ImportDocument, ImportFile, ImportReject, ImportRow
from orders.models import Order
from tests.orders.imports.csvs import ORDERS, RETURNS, orders_file, rejects_of, run_import, write

pytestmark = pytest.mark.django_db

ZONE = ZoneInfo("Africa/Johannesburg")


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE)


def facts_of(number: str) -> tuple[object, ...]:
    """An order's member, first and last time, status, total, and (sku, pieces, price) of each line."""
    order = Order.objects.get(shop="import", number=number)
    return (
        order.user.external_id,
        order.placed_at,
        order.delivered_at,
        order.status,
        order.total,
        [(line.sku, line.qty, line.unit_price) for line in order.items.order_by("position")],
    )


def earned() -> dict[str, int]:
    """Points of each order, by its number."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT number, points FROM points_transactions AS entry"
            " JOIN orders ON orders.id = entry.order_id WHERE transaction_type = 'earned'"
        )
        return dict(cursor.fetchall())


def test_a_file_becomes_members_products_delivered_orders_and_their_points(tmp_path: Path) -> None:
    path = orders_file(
        tmp_path,
        "M1,A,2024-05-01T10:00:00,O1,2,10.00,LAMP",
        "M1,B,2024-05-01T10:00:00,O1,1,5.55,VASE",
        "M2,A,2024-05-02T09:30:00,O2,3,9.99,LAMP RED",
    )
    assert run_import(path, keep_dates=True) == [
        "orders.csv: 2 orders (2 new) of 2 members, 3 lines, R 55.52; dates kept; no rejects"
    ]
    first, second = local("2024-05-01T10:00"), local("2024-05-02T09:30")
    assert facts_of("O1") == (
        *("M1", first, first, "delivered", Decimal("25.55")),
        [("A", 2, Decimal("10.00")), ("B", 1, Decimal("5.55"))],
    )
    assert facts_of("O2") == (
        *("M2", second, second, "delivered", Decimal("29.97")),
        [("A", 3, Decimal("9.99"))],
    )
    assert set(User.objects.values_list("external_id", "date_joined")) == {("M1", first), ("M2", second)}
    assert earned() == {"O1": 2, "O2": 2}
    assert not OutboxMessage.objects.exists()
    assert rejects_of(path) is None


def test_a_product_is_called_and_priced_as_in_its_newest_row_with_a_name(tmp_path: Path) -> None:
    path = orders_file(
        tmp_path,
        "M1,A,2024-05-03T10:00:00,O3,1,12.00,NEWEST",
        "M1,A,2024-05-01T10:00:00,O1,1,10.00,OLDEST",
        "M1,A,2024-05-04T10:00:00,O4,1,13.00,",
        "M1,B,2024-05-04T10:00:00,O4,1,1.00,",
    )
    run_import(path, keep_dates=True)
    assert list(Product.objects.order_by("sku").values_list("sku", "name", "price")) == [
        ("A", "NEWEST", Decimal("12.00")),
        ("B", "B", Decimal("1.00")),
    ]


def test_an_order_may_be_scattered_over_the_file_and_over_time(tmp_path: Path) -> None:
    path = orders_file(
        tmp_path,
        "M1,A,2024-05-01T10:01:00,O1,1,10.00,LAMP",
        "M2,A,2024-05-01T10:00:00,O2,1,10.00,LAMP",
        "M1,B,2024-05-01T10:00:00,O1,1,2.00,VASE",
        "M2,A,2024-05-01T10:00:00,O2,4,8.00,LAMP",
        "M1,A,2024-05-01T10:07:00,O1,2,9.00,LAMP",
    )
    run_import(path, keep_dates=True)
    assert facts_of("O1") == (
        *("M1", local("2024-05-01T10:00"), local("2024-05-01T10:07"), "delivered", Decimal("30.00")),
        [("A", 1, Decimal("10.00")), ("B", 1, Decimal("2.00")), ("A", 2, Decimal("9.00"))],
    )
    assert facts_of("O2")[-1] == [("A", 1, Decimal("10.00")), ("A", 4, Decimal("8.00"))]


def test_an_order_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    run_import(orders_file(tmp_path, "M1,A,2024-05-01T10:00:00,O1,1,10.00,LAMP"), keep_dates=True)
    later = orders_file(
        tmp_path,
        "M1,A,2024-05-09T10:00:00,O1,5,99.00,LAMP",
        "M1,A,2024-05-09T10:00:00,O2,1,30.00,LAMP",
        name="later.csv",
    )
    assert run_import(later, keep_dates=True) == [
        "later.csv: 2 orders (1 new) of 1 member, 2 lines, R 525.00; dates kept; no rejects"
    ]
    assert facts_of("O1")[2:] == (
        *(local("2024-05-01T10:00"), "delivered", Decimal("10.00")),
        [("A", 1, Decimal("10.00"))],
    )
    assert earned() == {"O1": 1, "O2": 3}


def test_a_second_run_changes_nothing_and_says_the_same(tmp_path: Path, data_dir: Path) -> None:
    path = orders_file(tmp_path, "M1,A,2024-05-01T10:00:00,O1,1,10.00,LAMP", "M1,A,never,O2,1,10.00,LAMP")
    first = run_import(path, keep_dates=True)
    written = rejects_of(path)
    before = list(Order.objects.values())
    (data_dir / "orders.csv.rejects.csv").unlink()
    assert run_import(path, keep_dates=True) == first
    assert list(Order.objects.values()) == before
    assert rejects_of(path) == written != []
    assert earned() == {"O1": 1}


def test_the_same_rows_zipped_make_no_second_orders(tmp_path: Path) -> None:
    rows = ["M1,A,2024-05-01T10:00:00,O1,1,10.00,LAMP"]
    run_import(write(tmp_path / "plain.csv", ORDERS, rows), keep_dates=True)
    zipped = write(tmp_path / "zipped", ORDERS, rows, zipped=True)
    assert run_import(zipped, keep_dates=True) == [
        "zipped: 1 order (0 new) of 1 member, 1 line, R 10.00; dates kept; no rejects"
    ]
    assert (Order.objects.count(), earned()) == (1, {"O1": 1})


# --- dates -------------------------------------------------------------------------------------------------


def test_dates_move_so_that_the_newest_order_is_of_today(tmp_path: Path) -> None:
    path = orders_file(
        tmp_path,
        "M1,A,2011-12-08T23:30:00,O1,1,10.00,LAMP",
        "M1,A,2011-12-09T12:50:00,O2,1,10.00,LAMP",
    )
    with time_machine.travel(local("2026-03-02T15:00"), tick=False):
        output = run_import(path)
    assert output[-1].endswith("R 20.00; dates moved by 5,197 days; no rejects")
    assert facts_of("O1")[1:3] == (local("2026-03-01T23:30"),) * 2
    assert facts_of("O2")[1:3] == (local("2026-03-02T12:50"),) * 2


def test_dates_move_back_by_hours_where_today_would_be_the_future(tmp_path: Path) -> None:
    path = orders_file(tmp_path, "M1,A,2011-12-09T12:50:00,O1,1,10.00,LAMP")
    with time_machine.travel(local("2026-03-02T11:00"), tick=False):
        output = run_import(path)
    assert "; dates moved by 5,196 days and 22 hours; " in output[-1]
    assert facts_of("O1")[1] == local("2026-03-02T10:50")


def test_a_run_days_later_uses_the_shift_of_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = orders_file(
        tmp_path,
        "M1,A,2011-12-08T12:50:00,O1,1,10.00,LAMP",
        "M1,A,2011-12-09T12:50:00,O2,1,10.00,LAMP",
    )
    monkeypatch.setattr(chunks, "_DOCUMENTS", 1)

    def stop_at_the_second(chunk: chunks.Chunk, *, zone: ZoneInfo) -> None:
        if chunk.file.position:
            raise KeyboardInterrupt
        store_orders(chunk, zone=zone)

    with time_machine.travel(local("2026-03-02T15:00"), tick=False), monkeypatch.context() as stopping:
        stopping.setattr("orders.imports.running.store_orders", stop_at_the_second)
        with pytest.raises(CommandError, match=r"^Stopped\. The same command goes on from here\.$"):
            run_import(path)
    file = ImportFile.objects.get()
    assert (file.digest, file.shift) == (sha256(path.read_bytes()).hexdigest(), timedelta(days=5197))
    assert list(Order.objects.values_list("number", flat=True)) == ["O1"]
    with time_machine.travel(local("2026-03-09T15:00"), tick=False):
        assert "2 orders (2 new)" in run_import(path)[-1]
    assert facts_of("O1")[1] == local("2026-03-01T12:50")
    assert facts_of("O2")[1] == local("2026-03-02T12:50")


def test_dates_that_were_moved_cannot_be_kept_afterwards(tmp_path: Path) -> None:
    path = orders_file(tmp_path, "M1,A,2011-12-09T12:50:00,O1,1,10.00,LAMP")
    run_import(path)
    with pytest.raises(CommandError, match=f"^{path} was imported before with its dates moved"):
        run_import(path, keep_dates=True)


def test_dates_that_were_kept_stay_kept_without_the_option(tmp_path: Path) -> None:
    path = orders_file(tmp_path, "M1,A,2011-12-09T12:50:00,O1,1,10.00,LAMP")
    first = run_import(path, keep_dates=True)
    assert run_import(path) == first
    assert facts_of("O1")[1] == local("2011-12-09T12:50")


def test_a_date_in_the_future_is_refused_where_dates_are_kept(tmp_path: Path) -> None:
    path = orders_file(
        tmp_path, "M1,A,2024-05-01T10:00:00,O1,1,10.00,LAMP", "M1,A,2190-05-01T10:00:00,O2,1,10.00,LAMP"
    )
    run_import(path, keep_dates=True)
    assert rejects_of(path) == [
        (3, "timestamp 2190-05-01T10:00:00 is in the future", "M1,A,2190-05-01T10:00:00,O2,1,10.00,LAMP")
    ]


# --- rejects -----------------------------------------------------------------------------------------------


def test_unusable_rows_are_written_down_with_line_and_reason_and_stop_nothing(
    tmp_path: Path, data_dir: Path
) -> None:
    path = tmp_path / "orders.csv"
    path.write_bytes(
        b"user_id,item_id,timestamp,order_id,qty,price,item_name\n"
        b"M1,A,2024-05-01T10:00:00,O1,1,10.00,LAMP\n"
        b"M1,A,2024-05-01T10:00:00,O1,0,10.00,LAMP\n"
        b"M1,A,2024-05-01T10:00:00,O1,1,-1,LAMP\n"
        b"M1,A,yesterday,O1,1,10.00,LAMP\n"
        b"M1,A,2024-05-01T10:00:00,O1\n"
        b"\n"
        b"M1,A,2024-05-01T10:00:00,O1,1,10.00,LAMP,EXTRA\n"
        b"M1,A,2024-05-01T10:00:00,O1,1,10.00,L\xe4MP\n"
        b"M1,A\0,2024-05-01T10:00:00,O1,1,10.00,LAMP\n"
        b'M1,A,2024-05-01T10:00:00,O1,1,10.00,"LAMP\n'
        b"M1,A,2024-05-01T10:00:00,O2,1,20.00,LAMP\n"
    )
    assert run_import(path, keep_dates=True) == [
        "orders.csv: 2 orders (2 new) of 1 member, 2 lines, R 30.00; dates kept; "
        f"8 rejects in {data_dir}/orders.csv.rejects.csv"
    ]
    assert rejects_of(path) == [
        (3, "qty '0' is not above 0", "M1,A,2024-05-01T10:00:00,O1,0,10.00,LAMP"),
        (4, "price '-1' is below 0", "M1,A,2024-05-01T10:00:00,O1,1,-1,LAMP"),
        (
            5,
            "timestamp 'yesterday' is no local time like 2010-12-01T08:26:00",
            "M1,A,yesterday,O1,1,10.00,LAMP",
        ),
        (6, "it has 4 columns instead of 7", "M1,A,2024-05-01T10:00:00,O1"),
        (8, "it has 8 columns instead of 7", "M1,A,2024-05-01T10:00:00,O1,1,10.00,LAMP,EXTRA"),
        (9, "it is not UTF-8", "M1,A,2024-05-01T10:00:00,O1,1,10.00,L\\xe4MP"),
        (10, "it has a NUL byte", "M1,A\\x00,2024-05-01T10:00:00,O1,1,10.00,LAMP"),
        (11, "a quote is opened and not closed", 'M1,A,2024-05-01T10:00:00,O1,1,10.00,"LAMP'),
    ]


def test_an_order_is_its_first_rows_members_and_rows_of_others_are_refused(tmp_path: Path) -> None:
    path = orders_file(
        tmp_path,
        "M1,A,2024-05-01T10:00:00,O1,1,10.00,LAMP",
        "M2,A,2024-05-01T09:00:00,O1,1,10.00,LAMP",
        "M1,B,2024-05-01T10:00:00,O1,1,5.00,VASE",
    )
    assert "1 order (1 new) of 1 member, 2 lines, R 15.00" in run_import(path, keep_dates=True)[-1]
    assert facts_of("O1")[:2] == ("M1", local("2024-05-01T10:00"))
    assert not User.objects.filter(external_id="M2").exists()
    assert rejects_of(path) == [
        (3, "order O1 is member M1's, by line 2", "M2,A,2024-05-01T09:00:00,O1,1,10.00,LAMP")
    ]


def test_an_order_too_big_for_the_books_is_refused_whole(tmp_path: Path) -> None:
    path = orders_file(
        tmp_path,
        "M1,A,2024-05-01T10:00:00,O1,1,9999999999.99,LAMP",
        "M1,B,2024-05-01T10:00:00,O1,1,0.01,VASE",
        "M1,B,2024-05-01T10:00:00,O2,1,9999999999.99,VASE",
    )
    run_import(path, keep_dates=True)
    assert list(Order.objects.values_list("number", "total")) == [("O2", Decimal("9999999999.99"))]
    assert rejects_of(path) == [
        (
            line,
            "order O1 comes to more than 9999999999.99",
            f"M1,{item},2024-05-01T10:00:00,O1,1,{price},{name}",
        )
        for line, item, price, name in [(2, "A", "9999999999.99", "LAMP"), (3, "B", "0.01", "VASE")]
    ]


def test_a_file_of_nothing_usable_makes_nothing(tmp_path: Path) -> None:
    path = orders_file(tmp_path, "nonsense")
    assert "0 orders (0 new) of 0 members, 0 lines, R 0.00" in run_import(path)[-1]
    assert rejects_of(path) == [(2, "it has 1 columns instead of 7", "nonsense")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "{path} is empty"),
        (
            b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR",
            "{path} is no CSV file of orders: it is not UTF-8",
        ),
        (
            b"user_id,item_id\n",
            "{path} is no CSV file of orders: it has no column timestamp, order_id, qty, price, item_name; "
            "needed are user_id, item_id, timestamp, order_id, qty, price, item_name",
        ),
    ],
)
def test_what_is_no_such_file_is_refused_in_one_line_and_leaves_no_trace(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "orders.csv"
    path.write_bytes(content)
    with pytest.raises(CommandError) as refused:
        run_import(path)
    assert str(refused.value) == message.format(path=path)
    assert not ImportFile.objects.exists()


def test_a_missing_file_and_a_folder_are_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"gone\.csv does not exist$"):
        run_import(tmp_path / "gone.csv")
    with pytest.raises(CommandError, match=r"is not a file$"):
        run_import(tmp_path)


def test_an_unusable_returns_file_is_refused_before_anything_is_done(tmp_path: Path) -> None:
    path = orders_file(tmp_path, "M1,A,2024-05-01T10:00:00,O1,1,10.00,LAMP")
    with pytest.raises(CommandError, match="is no CSV file of returns: it has no column credit_note; "):
        run_import(path, returns=path)
    assert (Order.objects.count(), ImportFile.objects.count()) == (0, 0)


def test_two_files_of_one_name_are_refused_because_their_rejects_would_be_one_file(tmp_path: Path) -> None:
    (tmp_path / "back").mkdir()
    path = orders_file(tmp_path, "M1,A,2024-05-01T10:00:00,O1,1,10.00,LAMP", name="may.csv")
    returns = write(tmp_path / "back" / "may.csv", RETURNS, [])
    with pytest.raises(CommandError, match=r"^both files are called may\.csv"):
        run_import(path, returns)


def test_a_damaged_file_brings_nothing_of_itself(tmp_path: Path) -> None:
    rows = [f"M{n},A,2024-05-01T10:00:00,O{n},1,10.00,LAMP" for n in range(1000)]
    path = write(tmp_path / "orders.csv.gz", ORDERS, rows, zipped=True)
    path.write_bytes(path.read_bytes()[:-400])
    with pytest.raises(CommandError, match=r"cannot be read after line \d+"):
        run_import(path)
    assert (Order.objects.count(), ImportFile.objects.count(), ImportRow.objects.count()) == (0, 0, 0)


# --- chunks ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("documents", "rows"), [(1, 10), (2, 10), (1000, 1), (1000, 3), (1000, 10_000)])
def test_chunks_of_any_size_make_the_same_orders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, documents: int, rows: int
) -> None:
    monkeypatch.setattr(chunks, "_DOCUMENTS", documents)
    monkeypatch.setattr(chunks, "_ROWS", rows)
    rows = [f"M{n % 7 % 3},I{n % 5},2024-05-01T10:{n:02}:00,O{n % 7},1,{n}.10,LAMP" for n in range(30)]
    line = "orders.csv: 7 orders (7 new) of 3 members, 30 lines, R 438.00; dates kept; no rejects"
    assert run_import(orders_file(tmp_path, *rows), keep_dates=True) == [line]
    for order in range(7):
        lines = [(f"I{n % 5}", 1, Decimal(f"{n}.10")) for n in range(order, 30, 7)]
        assert facts_of(f"O{order}") == (
            f"M{order % 3}",
            local(f"2024-05-01T10:{order:02}"),
            local(f"2024-05-01T10:{max(range(order, 30, 7)):02}"),
            "delivered",
            sum(price for _, _, price in lines),
            lines,
        )
    assert ImportFile.objects.get().position == 8


def test_a_chunk_takes_the_same_number_of_statements_whatever_its_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = []
    for orders in (2, 40):
        rows = [
            f"M{orders}-{n % 9},I{n},2024-05-01T10:00:00,{orders}-{n},1,1.10,LAMP"
            for n in range(orders)
            for _ in range(3)
        ]
        statements: list[int] = []

        def counted(*arguments: object, statements: list[int] = statements) -> int:
            with CaptureQueriesContext(connection) as captured:
                stored = chunks.store_next_chunk(*arguments)
            statements.append(len(captured))
            return stored

        with monkeypatch.context() as counting:
            counting.setattr("orders.imports.running.store_next_chunk", counted)
            run_import(orders_file(tmp_path, *rows), keep_dates=True)
        counts.append(statements[0])
    assert counts[0] == counts[1]


def test_staged_rows_are_gone_when_a_file_is_through_and_rejects_are_kept(tmp_path: Path) -> None:
    run_import(orders_file(tmp_path, "M1,A,2024-05-01T10:00:00,O1,1,10.00,LAMP", "x"))
    assert (ImportRow.objects.count(), ImportDocument.objects.count()) == (0, 0)
    assert ImportReject.objects.count() == 1
