from decimal import Decimal
from itertools import product

import pytest

from orders.rules import Status, may_step, moves_from, order_total, status_after_return

ALLOWED = {
    ("pending", "paid"),
    ("pending", "cancelled"),
    ("paid", "processing"),
    ("paid", "cancelled"),
    ("processing", "shipped"),
    ("processing", "cancelled"),
    ("shipped", "delivered"),
    ("delivered", "partially_returned"),
    ("delivered", "returned"),
    ("partially_returned", "returned"),
}


@pytest.mark.parametrize(("current", "to"), list(product(map(str, Status), repeat=2)))
def test_the_table_of_steps_is_this_and_no_other(current, to):
    assert may_step(current, to) is ((current, to) in ALLOWED)


@pytest.mark.parametrize(
    ("current", "moves"),
    [
        ("pending", ["paid", "cancelled"]),
        ("paid", ["processing", "cancelled"]),
        ("processing", ["shipped", "cancelled"]),
        ("shipped", ["delivered"]),
        ("delivered", []),
        ("partially_returned", []),
        ("returned", []),
        ("cancelled", []),
    ],
)
def test_moves_leave_out_what_takes_a_return(current, moves):
    assert moves_from(current) == moves


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ([(3, 3)], "returned"),
        ([(3, 2)], "partially_returned"),
        ([(3, 3), (1, 0)], "partially_returned"),
        ([(3, 3), (1, 1)], "returned"),
        ([], "returned"),
    ],
)
def test_an_order_is_returned_when_nothing_is_left(lines, status):
    assert status_after_return(lines) == status


def test_the_total_is_what_is_paid_in_money():
    total = order_total(
        subtotal=Decimal("100.00"),
        discount=Decimal("10.00"),
        points_value=Decimal("5.50"),
        shipping=Decimal("60.00"),
        tax=Decimal("12.68"),
    )
    assert total == Decimal("157.18")
