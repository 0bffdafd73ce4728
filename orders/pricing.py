"""What a basket costs: subtotal → discounts → vouchers → points → shipping → tax → total. Pure.

Every taking-off is spread over the lines that it applies to, in proportion to what is left of them, and never
takes more than is left. What an order earns, what a return refunds and which points it gives back follow
from the lines' shares.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, Decimal

from core.money import ZERO, allocate, down_to_cents, to_cents
from orders.ports import Adjustment, Step


@dataclass(frozen=True, slots=True)
class BasketLine:
    """What is bought, at the catalogue's price."""

    product_id: int
    qty: int
    unit_price: Decimal


@dataclass(frozen=True, slots=True)
class Terms:
    """The shop's: shipping is free from `free_shipping_from` rand of goods (None: never); VAT in percent."""

    shipping_fee: Decimal = ZERO
    free_shipping_from: Decimal | None = None
    vat_rate: Decimal = ZERO
    vat_included: bool = True


@dataclass(frozen=True, slots=True)
class Applied:
    """What an adjustment came to, and each line's share of it; the shares of free shipping are zero."""

    step: Step
    label: str
    code: str
    amount: Decimal
    shares: tuple[Decimal, ...]


@dataclass(slots=True)
class PriceLine:
    """A line with its share of everything; `net` is what is paid for it in money, added tax aside."""

    product_id: int
    qty: int
    unit_price: Decimal
    discount: Decimal = ZERO
    points_value: Decimal = ZERO
    tax: Decimal = ZERO

    @property
    def line_total(self) -> Decimal:
        return self.qty * self.unit_price

    @property
    def net(self) -> Decimal:
        return self.line_total - self.discount - self.points_value


@dataclass(slots=True)
class Price:
    """A priced basket; amounts in rand. `tax` is within `total` either way, on top of the lines or inside."""

    lines: list[PriceLine]
    subtotal: Decimal
    discount: Decimal = ZERO
    voucher_discount: Decimal = ZERO
    points_used: int = 0
    points_value: Decimal = ZERO
    shipping: Decimal = ZERO
    tax: Decimal = ZERO
    tax_included: bool = True
    total: Decimal = ZERO
    voucher_code: str = ""
    applied: list[Applied] = field(default_factory=list)

    @property
    def goods(self) -> Decimal:
        """What is left to pay for the goods."""
        return sum((line.net for line in self.lines), ZERO)


def price_basket(lines: Sequence[BasketLine], adjustments: Iterable[Adjustment], terms: Terms) -> Price:
    """Price a basket; the same input gives the same price, to the cent and line by line."""
    priced = [PriceLine(line.product_id, line.qty, line.unit_price) for line in lines]
    price = Price(priced, subtotal=sum((line.line_total for line in priced), ZERO))
    adjustments = sorted(adjustments, key=lambda adjustment: adjustment.step)
    for adjustment in adjustments:
        if adjustment.step is not Step.POINTS and not adjustment.free_shipping:
            _take_off(price, adjustment)
    # Shipping is judged by the goods after what made them cheaper; points pay, they make nothing cheaper.
    _ship(price, adjustments, terms)
    for adjustment in adjustments:
        if adjustment.step is Step.POINTS:
            _pay_with_points(price, adjustment)
    _tax(price, terms)
    price.total = price.goods + price.shipping + (ZERO if price.tax_included else price.tax)
    return price


def _take_off(price: Price, adjustment: Adjustment) -> None:
    nets = _nets(price, adjustment.product_ids)
    there = sum(nets, ZERO)
    if adjustment.percent is not None:
        wanted = to_cents(there * adjustment.percent / 100)
    else:
        wanted = adjustment.amount or ZERO
    amount = min(wanted, there)
    shares = allocate(amount, nets)
    for line, share in zip(price.lines, shares, strict=True):
        line.discount += share
    price.discount += amount
    if adjustment.step is Step.VOUCHER:
        price.voucher_discount += amount
        price.voucher_code = adjustment.code
    _note(price, adjustment, amount, shares)


def _pay_with_points(price: Price, adjustment: Adjustment) -> None:
    """Pay for goods with whole points, no more than are needed; the last may be worth more than it pays."""
    nets = _nets(price, adjustment.product_ids)
    # Down to the cent: half up, points of half a cent would pay more than they are worth.
    amount = min(down_to_cents(adjustment.points * adjustment.point_value), sum(nets, ZERO))
    if not amount:
        return
    shares = allocate(amount, nets)
    for line, share in zip(price.lines, shares, strict=True):
        line.points_value += share
    price.points_value += amount
    price.points_used += int((amount / adjustment.point_value).to_integral_value(ROUND_CEILING))
    _note(price, adjustment, amount, shares)


def _ship(price: Price, adjustments: Iterable[Adjustment], terms: Terms) -> None:
    if terms.free_shipping_from is not None and price.goods >= terms.free_shipping_from:
        fee = ZERO
    else:
        fee = terms.shipping_fee
    price.shipping = fee
    for adjustment in adjustments:
        if adjustment.free_shipping:
            price.voucher_code = adjustment.code or price.voucher_code
            _note(price, adjustment, price.shipping, [ZERO for _ in price.lines])
            price.shipping = ZERO


def _tax(price: Price, terms: Terms) -> None:
    """Work out the VAT on what is paid in money, shipping included, and each line's share of it."""
    price.tax_included = terms.vat_included
    base = price.goods + price.shipping
    whole = 100 + terms.vat_rate if terms.vat_included else Decimal(100)
    price.tax = to_cents(base * terms.vat_rate / whole)
    *shares, _ = allocate(price.tax, [*(line.net for line in price.lines), price.shipping])
    for line, share in zip(price.lines, shares, strict=True):
        line.tax = share


def _note(price: Price, adjustment: Adjustment, amount: Decimal, shares: Iterable[Decimal]) -> None:
    price.applied.append(Applied(adjustment.step, adjustment.label, adjustment.code, amount, tuple(shares)))


def _nets(price: Price, product_ids: frozenset[int] | None) -> list[Decimal]:
    """Return what is left of each line, zero for lines that are not meant."""
    return [
        line.net if product_ids is None or line.product_id in product_ids else ZERO for line in price.lines
    ]
