"""What baskets cost, to the cent: a table, and what must hold for any basket."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.money import ZERO, allocate, to_cents
from orders.ports import Adjustment, Step
from orders.pricing import BasketLine, Terms, price_basket
from orders.rules import kept_part, points_kept

D = Decimal

FREE = Terms()
"""No shipping, no tax."""
SHIPPED = Terms(shipping_fee=D("60.00"), free_shipping_from=D("500.00"))
INSIDE = Terms(shipping_fee=D("60.00"), free_shipping_from=D("500.00"), vat_rate=D(15))
ON_TOP = Terms(D("60.00"), D("500.00"), vat_rate=D(15), vat_included=False)


def basket(*lines):
    """Lines of (pieces, price); products are numbered from 1."""
    return [BasketLine(number, qty, D(price)) for number, (qty, price) in enumerate(lines, start=1)]


def rand_off(amount, *products, step=Step.VOUCHER):
    only = frozenset(products) or None
    return Adjustment(step=step, label="off", code="V", amount=D(amount), product_ids=only)


def percent_off(percent, *products, step=Step.VOUCHER):
    only = frozenset(products) if products else None
    return Adjustment(step=step, label="%", code="V", percent=D(percent), product_ids=only)


def points(number, value="0.10"):
    return Adjustment(step=Step.POINTS, label="Points", points=number, point_value=D(value))


SHIP_FREE = Adjustment(step=Step.VOUCHER, label="Free shipping", code="V", free_shipping=True)
NOTHING_MEANT = Adjustment(step=Step.VOUCHER, label="%", code="V", percent=D(10), product_ids=frozenset())
SUMMER = rand_off("50.00", step=Step.DISCOUNT)
THREE = [(3, "19.99"), (1, "100.00"), (2, "5.05")]  # 59.97 + 100.00 + 10.10 = 170.07

# name: lines, adjustments, terms → (discount, points used, points value, shipping, tax, total)
CASES = {
    # --- nothing but goods
    "one line": ([(1, "10.00")], [], FREE, "0 0 0 0 0 10.00"),
    "pieces": ([(3, "19.99")], [], FREE, "0 0 0 0 0 59.97"),
    "lines": (THREE, [], FREE, "0 0 0 0 0 170.07"),
    "a gift": ([(1, "0.00")], [], FREE, "0 0 0 0 0 0.00"),
    "a cent": ([(1, "0.01")], [], FREE, "0 0 0 0 0 0.01"),
    "a thousand pieces": ([(1000, "99999.99")], [], FREE, "0 0 0 0 0 99999990.00"),
    # --- shipping
    "shipping": ([(1, "10.00")], [], SHIPPED, "0 0 0 60.00 0 70.00"),
    "a cent below free shipping": ([(1, "499.99")], [], SHIPPED, "0 0 0 60.00 0 559.99"),
    "free shipping from": ([(1, "500.00")], [], SHIPPED, "0 0 0 0 0 500.00"),
    "shipping of a gift": ([(1, "0.00")], [], SHIPPED, "0 0 0 60.00 0 60.00"),
    "never free": ([(1, "9000.00")], [], Terms(D("60.00"), None), "0 0 0 60.00 0 9060.00"),
    "always free": ([(1, "1.00")], [], Terms(D("60.00"), D(0)), "0 0 0 0 0 1.00"),
    "a voucher takes free shipping away": (
        [(1, "505.00")],
        [rand_off("10.00")],
        SHIPPED,
        "10.00 0 0 60.00 0 555.00",
    ),
    "points do not take free shipping away": (
        [(1, "505.00")],
        [points(100)],
        SHIPPED,
        "0 100 10.00 0 0 495.00",
    ),
    # --- vouchers in rand
    "R10 off": ([(1, "100.00")], [rand_off("10.00")], FREE, "10.00 0 0 0 0 90.00"),
    "R10 off three lines": (THREE, [rand_off("10.00")], FREE, "10.00 0 0 0 0 160.07"),
    "exactly the goods": ([(1, "10.00")], [rand_off("10.00")], FREE, "10.00 0 0 0 0 0.00"),
    "more than the goods": ([(1, "7.50")], [rand_off("10.00")], FREE, "7.50 0 0 0 0 0.00"),
    "more than the goods, not shipping": (
        [(1, "7.50")],
        [rand_off("100.00")],
        SHIPPED,
        "7.50 0 0 60.00 0 60.00",
    ),
    "a voucher of nothing": ([(1, "10.00")], [rand_off("0.00")], FREE, "0 0 0 0 0 10.00"),
    "a cent off two cents": ([(1, "0.01"), (1, "0.01")], [rand_off("0.01")], FREE, "0.01 0 0 0 0 0.01"),
    "off what it is meant for": (
        [(1, "30.00"), (1, "70.00")],
        [rand_off("50.00", 1)],
        FREE,
        "30.00 0 0 0 0 70.00",
    ),
    # --- percentages of a category
    "10 % of all": ([(1, "99.99")], [percent_off(10)], FREE, "10.00 0 0 0 0 89.99"),
    "10 % of one line": (
        [(1, "99.95"), (1, "50.00")],
        [percent_off(10, 1)],
        FREE,
        "10.00 0 0 0 0 139.95",
    ),
    "10 % of two lines is rounded once": (
        [(1, "0.05"), (1, "0.05"), (1, "9.00")],
        [percent_off(10, 1, 2)],
        FREE,
        "0.01 0 0 0 0 9.09",
    ),
    "half a cent rounds up": ([(1, "0.05")], [percent_off(10)], FREE, "0.01 0 0 0 0 0.04"),
    "less than half a cent is gone": ([(1, "0.04")], [percent_off(10)], FREE, "0 0 0 0 0 0.04"),
    "100 % of a category": (
        [(2, "10.00"), (1, "5.00")],
        [percent_off(100, 1)],
        FREE,
        "20.00 0 0 0 0 5.00",
    ),
    "100 % of all": ([(2, "10.00")], [percent_off(100)], FREE, "20.00 0 0 0 0 0.00"),
    "33.33 %": ([(1, "100.00")], [percent_off("33.33")], FREE, "33.33 0 0 0 0 66.67"),
    "nothing of the category": ([(1, "10.00")], [NOTHING_MEANT], FREE, "0 0 0 0 0 10.00"),
    # --- free shipping
    "free shipping voucher": ([(1, "10.00")], [SHIP_FREE], SHIPPED, "0 0 0 0 0 10.00"),
    "free shipping of what ships free": ([(1, "600.00")], [SHIP_FREE], SHIPPED, "0 0 0 0 0 600.00"),
    "a gift with a free shipping voucher": ([(1, "0.00")], [SHIP_FREE], SHIPPED, "0 0 0 0 0 0.00"),
    # --- discounts come before vouchers
    "discount": ([(1, "100.00")], [SUMMER], FREE, "50.00 0 0 0 0 50.00"),
    "voucher of what the discount left": (
        [(1, "100.00")],
        [percent_off(10), SUMMER],
        FREE,
        "55.00 0 0 0 0 45.00",
    ),
    "discount and voucher never go below zero": (
        [(1, "55.00")],
        [rand_off("10.00"), SUMMER],
        FREE,
        "55.00 0 0 0 0 0.00",
    ),
    "two discounts": ([(1, "200.00")], [SUMMER, SUMMER], FREE, "100.00 0 0 0 0 100.00"),
    # --- points
    "points": ([(1, "100.00")], [points(300)], FREE, "0 300 30.00 0 0 70.00"),
    "all points needed": ([(1, "30.00")], [points(300)], FREE, "0 300 30.00 0 0 0.00"),
    "more points than needed": ([(1, "20.00")], [points(300)], FREE, "0 200 20.00 0 0 0.00"),
    "the last point pays what is left": ([(1, "9.99")], [points(300)], FREE, "0 100 9.99 0 0 0.00"),
    "one point too few": ([(1, "9.99")], [points(99)], FREE, "0 99 9.90 0 0 0.09"),
    "points never pay shipping": ([(1, "20.00")], [points(900)], SHIPPED, "0 200 20.00 60.00 0 60.00"),
    "points after a voucher": (
        [(1, "30.00")],
        [points(300), rand_off("10.00")],
        FREE,
        "10.00 200 20.00 0 0 0.00",
    ),
    "no goods left for points": (
        [(1, "10.00")],
        [rand_off("10.00"), points(50)],
        FREE,
        "10.00 0 0 0 0 0.00",
    ),
    "points of a rand": ([(1, "10.50")], [points(20, "1.00")], FREE, "0 11 10.50 0 0 0.00"),
    "points of half a cent": ([(1, "10.00")], [points(3, "0.005")], FREE, "0 2 0.01 0 0 9.99"),
    "one point of half a cent": ([(1, "10.00")], [points(1, "0.005")], FREE, "0 0 0 0 0 10.00"),
    "points of a third of a cent": ([(1, "10.00")], [points(10, "0.0033")], FREE, "0 10 0.03 0 0 9.97"),
    "points that are worth nothing": ([(1, "10.00")], [points(10, "0")], FREE, "0 0 0 0 0 10.00"),
    # --- VAT in the prices
    "VAT inside": ([(1, "115.00")], [], INSIDE, "0 0 0 60.00 22.83 175.00"),
    "VAT inside, no shipping": ([(1, "575.00")], [], INSIDE, "0 0 0 0 75.00 575.00"),
    "VAT inside rounds half up": ([(1, "0.10")], [], Terms(vat_rate=D(15)), "0 0 0 0 0.01 0.10"),
    "VAT inside of a cent": ([(1, "0.01")], [], Terms(vat_rate=D(15)), "0 0 0 0 0 0.01"),
    "VAT inside of what a voucher leaves": (
        [(1, "115.00")],
        [rand_off("57.50")],
        Terms(vat_rate=D(15)),
        "57.50 0 0 0 7.50 57.50",
    ),
    "VAT inside of what points leave": (
        [(1, "115.00")],
        [points(575)],
        Terms(vat_rate=D(15)),
        "0 575 57.50 0 7.50 57.50",
    ),
    "VAT inside shipping alone": ([(1, "10.00")], [points(100)], INSIDE, "0 100 10.00 60.00 7.83 60.00"),
    "VAT of nothing": ([(1, "10.00")], [points(100)], Terms(vat_rate=D(15)), "0 100 10.00 0 0 0.00"),
    # --- VAT on top
    "VAT on top": ([(1, "100.00")], [], ON_TOP, "0 0 0 60.00 24.00 184.00"),
    "VAT on top, no shipping": ([(1, "500.00")], [], ON_TOP, "0 0 0 0 75.00 575.00"),
    "VAT on top rounds half up": (
        [(1, "0.10")],
        [],
        Terms(vat_rate=D(15), vat_included=False),
        "0 0 0 0 0.02 0.12",
    ),
    "VAT on top of what a voucher leaves": (
        [(1, "100.00")],
        [rand_off("50.00")],
        Terms(vat_rate=D(15), vat_included=False),
        "50.00 0 0 0 7.50 57.50",
    ),
    "VAT on top of shipping alone": (
        [(1, "10.00")],
        [rand_off("10.00")],
        ON_TOP,
        "10.00 0 0 60.00 9.00 69.00",
    ),
    "VAT on top of nothing": (
        [(1, "10.00")],
        [rand_off("10.00"), SHIP_FREE],
        ON_TOP,
        "10.00 0 0 0 0 0.00",
    ),
    "VAT of 0 %": ([(1, "10.00")], [], Terms(vat_rate=D(0), vat_included=False), "0 0 0 0 0 10.00"),
    # --- all together
    "all inside": (
        THREE,
        [SUMMER, percent_off(10, 2), points(333)],
        INSIDE,
        "57.06 333 33.30 60.00 18.22 139.71",
    ),
    "all on top": (
        THREE,
        [SUMMER, percent_off(10, 2), points(333)],
        ON_TOP,
        "57.06 333 33.30 60.00 20.96 160.67",
    ),
}


@pytest.mark.parametrize(("lines", "adjustments", "terms", "expected"), CASES.values(), ids=list(CASES))
def test_a_basket_costs_exactly(lines, adjustments, terms, expected):
    price = price_basket(basket(*lines), adjustments, terms)
    discount, used, value, shipping, tax, total = map(D, expected.split())
    assert (price.discount, price.points_used, price.points_value) == (discount, used, value)
    assert (price.shipping, price.tax, price.total) == (shipping, tax, total)
    assert_sound(price)


# name: lines, adjustments, terms → discount, points value and tax of each line
SHARES = {
    "in proportion": (THREE, [rand_off("10.00")], FREE, ["3.53 0 0", "5.88 0 0", "0.59 0 0"]),
    "the odd cent goes to the first of equals": (
        [(1, "10.00")] * 3,
        [rand_off("10.00")],
        FREE,
        ["3.34 0 0", "3.33 0 0", "3.33 0 0"],
    ),
    "two odd cents": (
        [(1, "10.00")] * 3,
        [rand_off("0.02")],
        FREE,
        ["0.01 0 0", "0.01 0 0", "0.00 0 0"],
    ),
    "points weigh what the voucher left": (
        [(1, "10.00"), (1, "10.00")],
        [rand_off("5.00", 1), points(50)],
        FREE,
        ["5.00 1.67 0", "0.00 3.33 0"],
    ),
    "a line that costs nothing has no share": (
        [(1, "0.00"), (1, "10.00")],
        [rand_off("4.00")],
        FREE,
        ["0.00 0 0", "4.00 0 0"],
    ),
    "the tax of shipping is nobody's": ([(1, "115.00"), (1, "60.00")], [], INSIDE, ["0 0 15.00", "0 0 7.83"]),
    "tax by what is paid for the line": (
        [(1, "100.00"), (1, "100.00")],
        [percent_off(50, 1)],
        Terms(vat_rate=D(15), vat_included=False),
        ["50.00 0 7.50", "0.00 0 15.00"],
    ),
}


@pytest.mark.parametrize(("lines", "adjustments", "terms", "expected"), SHARES.values(), ids=list(SHARES))
def test_18_every_line_has_its_share(lines, adjustments, terms, expected):
    price = price_basket(basket(*lines), adjustments, terms)
    shares = [(line.discount, line.points_value, line.tax) for line in price.lines]
    assert shares == [tuple(map(D, row.split())) for row in expected]
    assert_sound(price)


def test_what_was_applied_is_told_in_its_order_with_shares():
    price = price_basket(
        basket((1, "30.00"), (1, "10.00")), [points(30), rand_off("4.00"), SUMMER, SHIP_FREE], SHIPPED
    )
    told = [(one.step, one.amount, one.shares) for one in price.applied]
    assert told == [
        (Step.DISCOUNT, D("40.00"), (D("30.00"), D("10.00"))),
        (Step.VOUCHER, ZERO, (ZERO, ZERO)),
        (Step.VOUCHER, D("60.00"), (ZERO, ZERO)),
    ]
    assert (price.voucher_code, price.total) == ("V", ZERO)


def assert_sound(price):
    """What holds for every price: nothing negative, shares sum to the whole, the total is its parts."""
    for line in price.lines:
        assert min(line.discount, line.points_value, line.tax, line.net) >= 0
        assert line.line_total == line.net + line.discount + line.points_value
    assert price.subtotal == sum((line.line_total for line in price.lines), ZERO)
    assert price.discount == sum((line.discount for line in price.lines), ZERO)
    assert price.points_value == sum((line.points_value for line in price.lines), ZERO)
    assert sum((line.tax for line in price.lines), ZERO) <= price.tax
    assert min(price.shipping, price.tax, price.total, price.points_used) >= 0
    on_top = ZERO if price.tax_included else price.tax
    assert price.total == price.subtotal - price.discount - price.points_value + price.shipping + on_top
    for one in price.applied:
        assert sum(one.shares, ZERO) in (one.amount, ZERO)


cents = st.integers(0, 500_000).map(lambda number: D(number).scaleb(-2))
baskets = st.lists(st.tuples(st.integers(1, 1000), cents), min_size=1, max_size=20)
some = st.none() | st.frozensets(st.integers(1, 20), max_size=20)
steps = st.sampled_from([Step.DISCOUNT, Step.VOUCHER])
adjustments = st.lists(
    st.builds(
        lambda step, amount, only: Adjustment(step=step, label="a", amount=amount, product_ids=only),
        steps,
        cents,
        some,
    )
    | st.builds(
        lambda step, percent, only: Adjustment(step=step, label="p", percent=percent, product_ids=only),
        steps,
        st.integers(0, 10_000).map(lambda number: D(number).scaleb(-2)),
        some,
    )
    | st.just(SHIP_FREE)
    | st.builds(
        lambda number, value: points(number, str(value)),
        st.integers(1, 100_000),
        st.integers(0, 20_000).map(lambda number: D(number).scaleb(-4)),
    ),
    max_size=5,
)
all_terms = st.builds(
    Terms,
    shipping_fee=cents,
    free_shipping_from=st.none() | cents,
    vat_rate=st.integers(0, 10_000).map(lambda number: D(number).scaleb(-2)),
    vat_included=st.booleans(),
)


@settings(max_examples=300, deadline=None)
@given(baskets, adjustments, all_terms)
def test_18_any_basket_sums_and_nothing_is_negative(lines, changes, terms):
    price = price_basket(basket(*lines), changes, terms)
    assert_sound(price)
    wished = sum(change.points for change in changes)
    assert price.points_used <= wished
    assert price == price_basket(basket(*lines), changes, terms)


@given(cents, st.lists(cents, max_size=30))
def test_18_parts_sum_and_none_exceeds_its_weight(amount, weights):
    whole = sum(weights, ZERO)
    amount = min(amount, whole)
    parts = allocate(amount, weights)
    assert sum(parts, ZERO) == amount
    assert all(0 <= part <= weight for part, weight in zip(parts, weights, strict=True))
    assert all(
        abs(part - amount * weight / whole) < D("0.01")
        for part, weight in zip(parts, weights, strict=True)
        if whole
    )


def test_nothing_to_split_over_is_an_error():
    assert allocate(ZERO, [ZERO, ZERO]) == [ZERO, ZERO]
    assert allocate(ZERO, []) == []
    with pytest.raises(ValueError, match="nothing to split"):
        allocate(D("0.01"), [ZERO])


@pytest.mark.parametrize(
    ("amount", "cents"), [("0.005", "0.01"), ("0.0049", "0.00"), ("1.115", "1.12"), ("2.675", "2.68")]
)
def test_14_half_a_cent_rounds_up(amount, cents):
    assert to_cents(D(amount)) == D(cents)


@pytest.mark.parametrize(
    ("used", "lines", "kept"),
    [
        (100, [("10.00", 4, 4)], 100),
        (100, [("10.00", 4, 3)], 75),
        (100, [("10.00", 3, 2)], 67),
        (100, [("10.00", 3, 1)], 33),
        (100, [("10.00", 3, 0)], 0),
        (1, [("0.10", 2, 1)], 1),
        (1, [("0.10", 3, 1)], 0),
        (333, [("20.00", 2, 1), ("13.30", 1, 1)], 233),
        (50, [("0.00", 5, 2)], 50),
    ],
)
def test_8_points_stay_spent_in_proportion_half_up(used, lines, kept):
    assert points_kept(used, [(D(value), qty, left) for value, qty, left in lines]) == kept


@given(
    st.integers(1, 10_000), st.lists(st.tuples(cents, st.integers(1, 9)), min_size=1, max_size=5), st.data()
)
def test_8_parts_that_come_back_sum_to_the_whole(used, lines, data):
    left = [qty for _, qty in lines]
    points_gone, money_gone = 0, ZERO
    while any(left):
        number = data.draw(st.sampled_from([n for n, qty in enumerate(left) if qty]))
        back = data.draw(st.integers(1, left[number]))
        after = [*left[:number], left[number] - back, *left[number + 1 :]]
        state = [
            [(value, qty, rest) for (value, qty), rest in zip(lines, at, strict=True)] for at in (left, after)
        ]
        step = points_kept(used, state[0]) - points_kept(used, state[1])
        value, qty = lines[number]
        money = kept_part(value, qty, left[number]) - kept_part(value, qty, after[number])
        assert min(step, money) >= 0
        points_gone, money_gone, left = points_gone + step, money_gone + money, after
    assert money_gone == sum((value for value, _ in lines), ZERO)
    assert points_gone == (used if any(value for value, _ in lines) else 0)
