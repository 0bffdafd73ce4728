"""Which rows are usable, and why others are not."""

from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from orders.imports.files import UnusableFile
from orders.imports.models import FileKind
from orders.imports.rows import COLUMNS, Columns, Row, RowReader, UnusableRow

ZONE = ZoneInfo("Africa/Johannesburg")
GOOD = {
    "user_id": "17850",
    "item_id": "21730",
    "timestamp": "2010-12-01T08:26:00",
    "order_id": "536365",
    "qty": "6",
    "price": "4.25",
    "item_name": "LANTERN",
}


def read(**changes: str) -> Row:
    reader = RowReader(Columns.found_in(list(GOOD), FileKind.ORDERS), zone=ZONE)
    return reader.read(list((GOOD | changes).values()))


def test_a_usable_row_is_read_in_the_programmes_zone() -> None:
    assert read() == Row(
        "17850", "21730", datetime(2010, 12, 1, 8, 26, tzinfo=ZONE), "536365", 6, Decimal("4.25"), "LANTERN"
    )


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"user_id": " 17850 "}, {"member": "17850"}),
        ({"timestamp": "2010-12-01 08:26"}, {"at": datetime(2010, 12, 1, 8, 26, tzinfo=ZONE)}),
        ({"qty": "007"}, {"qty": 7}),
        ({"qty": "2147483647", "price": "4.65"}, {"qty": 2147483647}),
        ({"price": "0"}, {"price": Decimal("0.00")}),
        ({"price": "0.00"}, {"price": Decimal("0.00")}),
        ({"price": "4"}, {"price": Decimal("4.00")}),
        ({"price": "4.2"}, {"price": Decimal("4.20")}),
        ({"price": "4.250"}, {"price": Decimal("4.25")}),
        ({"price": "9999999999.99", "qty": "1"}, {"price": Decimal("9999999999.99")}),
        ({"item_name": ""}, {"name": ""}),
        ({"user_id": "u" * 100, "item_id": "i" * 64, "order_id": "o" * 64}, {"member": "u" * 100}),
    ],
)
def test_usable_values(changes: dict[str, str], expected: dict[str, object]) -> None:
    row = read(**changes)
    assert {name: getattr(row, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"user_id": ""}, "user_id is empty"),
        ({"user_id": "  "}, "user_id is empty"),
        ({"user_id": "u" * 101}, "user_id is longer than 100 characters"),
        ({"item_id": ""}, "item_id is empty"),
        ({"item_id": "i" * 65}, "item_id is longer than 64 characters"),
        ({"order_id": ""}, "order_id is empty"),
        ({"order_id": "o" * 65}, "order_id is longer than 64 characters"),
        ({"item_name": "n" * 1001}, "item_name is longer than 1000 characters"),
        ({"qty": ""}, "qty '' is no whole number"),
        ({"qty": "six"}, "qty 'six' is no whole number"),
        ({"qty": "1.0"}, "qty '1.0' is no whole number"),
        ({"qty": "1e3"}, "qty '1e3' is no whole number"),
        ({"qty": "٣"}, "qty '٣' is no whole number"),
        ({"qty": "0"}, "qty '0' is not above 0"),
        ({"qty": "-6"}, "qty '-6' is not above 0"),
        ({"qty": "2147483648"}, "qty '2147483648' is more than 2147483647"),
        ({"qty": "9" * 5000}, f"qty '{'9' * 40}…' is more than 2147483647"),
        ({"price": ""}, "price '' is no amount like 4.25"),
        ({"price": "4,25"}, "price '4,25' is no amount like 4.25"),
        ({"price": ".5"}, "price '.5' is no amount like 4.25"),
        ({"price": "NaN"}, "price 'NaN' is no amount like 4.25"),
        ({"price": "Infinity"}, "price 'Infinity' is no amount like 4.25"),
        ({"price": "1e5"}, "price '1e5' is no amount like 4.25"),
        ({"price": "R4.25"}, "price 'R4.25' is no amount like 4.25"),
        ({"price": "-4.25"}, "price '-4.25' is below 0"),
        ({"price": "4.255"}, "price '4.255' has more than two decimals"),
        ({"price": "10000000000"}, "price '10000000000' is more than 9999999999.99"),
        ({"price": "9999999999.99", "qty": "2"}, "qty × price is more than 9999999999.99"),
        ({"timestamp": ""}, "timestamp '' is no local time like 2010-12-01T08:26:00"),
        (
            {"timestamp": "1.12.2010 8:26"},
            "timestamp '1.12.2010 8:26' is no local time like 2010-12-01T08:26:00",
        ),
        ({"timestamp": "2010-12-01"}, "timestamp '2010-12-01' is no local time like 2010-12-01T08:26:00"),
        (
            {"timestamp": "2010-13-01T08:26:00"},
            "timestamp '2010-13-01T08:26:00' is no local time like 2010-12-01T08:26:00",
        ),
        (
            {"timestamp": "2010-12-01T08:26:00Z"},
            "timestamp 2010-12-01T08:26:00Z has a zone; local times have none",
        ),
        (
            {"timestamp": "1969-12-31T23:59:59"},
            "timestamp 1969-12-31T23:59:59 is not between 1970 and 2199",
        ),
    ],
)
def test_unusable_values_and_the_reason(changes: dict[str, str], reason: str) -> None:
    with pytest.raises(UnusableRow) as refused:
        read(**changes)
    assert str(refused.value) == reason


@pytest.mark.parametrize(("fields", "count"), [(["17850"], 1), ([*GOOD.values(), "more"], 8)])
def test_a_row_of_another_length_is_unusable(fields: list[str], count: int) -> None:
    reader = RowReader(Columns.found_in(list(GOOD), FileKind.ORDERS), zone=ZONE)
    with pytest.raises(UnusableRow, match=f"^it has {count} columns instead of 7$"):
        reader.read(fields)


def test_a_time_after_the_latest_is_unusable() -> None:
    latest = datetime(2010, 12, 1, 8, 26, tzinfo=ZONE)
    reader = RowReader(Columns.found_in(list(GOOD), FileKind.ORDERS), zone=ZONE, latest=latest)
    assert reader.read(list(GOOD.values())).at == latest
    with pytest.raises(UnusableRow, match=r"^timestamp 2010-12-01T08:26:01 is in the future$"):
        reader.read(list((GOOD | {"timestamp": "2010-12-01T08:26:01"}).values()))


def test_columns_are_found_in_any_order_and_among_others() -> None:
    header = ["country", *reversed(GOOD)]
    reader = RowReader(Columns.found_in(header, FileKind.ORDERS), zone=ZONE)
    assert reader.read(["ZA", *reversed(GOOD.values())]) == read()


def test_a_missing_column_is_named() -> None:
    with pytest.raises(UnusableFile) as refused:
        Columns.found_in(["user_id", "item_id", "timestamp", "qty"], FileKind.RETURNS)
    assert str(refused.value) == (
        "it has no column credit_note, price; needed are user_id, item_id, timestamp, credit_note, qty, price"
    )


@pytest.mark.parametrize(
    ("model", "field", "column"),
    [
        ("accounts.User", "external_id", "member"),
        ("catalog.Product", "sku", "item"),
        ("orders.Order", "number", "reference"),
        ("orders.OrderReturn", "reference", "reference"),
    ],
)
def test_the_longest_ids_are_as_long_as_what_they_become(model: str, field: str, column: str) -> None:
    from django.apps import apps

    from orders.imports.models import ImportRow

    longest = apps.get_model(model)._meta.get_field(field).max_length
    assert ImportRow._meta.get_field(column).max_length == longest
    name = {"member": "user_id", "item": "item_id", "reference": "order_id"}[column]
    assert read(**{name: "x" * longest})
    with pytest.raises(UnusableRow, match=f"^{name} is longer than {longest} characters$"):
        read(**{name: "x" * (longest + 1)})


def test_both_kinds_of_files_have_the_columns_that_the_help_names() -> None:
    assert COLUMNS[FileKind.RETURNS] == (*COLUMNS[FileKind.ORDERS][:3], "credit_note", "qty", "price")
