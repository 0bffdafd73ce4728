"""From what a member wants to what it costs: lines from the catalogue, adjustments from the providers."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from catalog.contracts import ProductForSale
from catalog.facade import products_for_sale, refuse_lacking
from core.errors import DomainError
from orders import ports
from orders.checkout_models import CheckoutSettings
from orders.pricing import BasketLine, Price, Terms, price_basket
from orders.selectors import checkout_settings
from orders.services.placing import EmptyOrder, UnknownProducts

MOST_LINES = 100
MOST_PIECES = 1000
_MOST_MONEY = Decimal("9999999999.99")  # what the columns hold


class TooManyPieces(DomainError):
    """More of one product than one order takes."""

    code, status, title = "too_many_pieces", 400, "Too many of one product"


class ProductsNotForSale(DomainError):
    """Some of the products are not sold at present."""

    code, status, title = "products_not_for_sale", 409, "Not for sale at present"


class BelowMinimum(DomainError):
    """The goods come to less than the shop takes orders for."""

    code, status, title = "below_minimum_order", 409, "The order is below the minimum"


class BasketTooDear(DomainError):
    """The sums are beyond what an order can hold."""

    code, status, title = "basket_too_dear", 400, "The order is too large"


class VoucherTakesNothingOff(DomainError):
    """The voucher would be used up and nothing would be cheaper."""

    code, status, title = "voucher_takes_nothing_off", 409, "This voucher takes nothing off this basket"


@dataclass(frozen=True, slots=True)
class PricedBasket:
    """A price with what it was made of."""

    price: Price
    products: Mapping[int, ProductForSale]
    settings: CheckoutSettings


def merged(lines: Iterable[tuple[int, int]]) -> dict[int, int]:
    """Add up the pieces of each product, in the order of their first lines."""
    pieces: dict[int, int] = {}
    for product_id, qty in lines:
        pieces[product_id] = pieces.get(product_id, 0) + qty
    return pieces


def price_for_member(
    *, user_id: int, lines: Sequence[tuple[int, int]], wish: ports.Wish, at: datetime
) -> PricedBasket:
    """Price a member's basket of (product id, pieces) now; holds nothing. As many queries for any basket.

    Raises:
        EmptyOrder, TooManyPieces, UnknownProducts, ProductsNotForSale, OutOfStock: the lines can't be had.
        BelowMinimum, BasketTooDear: their sum is out of range.
        VoucherTakesNothingOff: the voucher is good, but not for this basket.
        DomainError: a provider's: the voucher or the points can't be had.
    """
    pieces = merged(lines)
    _check_pieces(pieces)
    settings = checkout_settings()
    products = _products(pieces)
    basket = [BasketLine(product_id, qty, products[product_id].price) for product_id, qty in pieces.items()]
    _check_sum(sum((line.qty * line.unit_price for line in basket), Decimal(0)), settings)
    adjustments = [
        adjustment
        for provider in (ports.providers() if wish else ())
        for adjustment in provider.quote(user_id=user_id, wish=wish, product_ids=list(pieces), at=at)
    ]
    price = price_basket(basket, adjustments, terms_of(settings))
    if any(one.step is ports.Step.VOUCHER and not one.amount for one in price.applied):
        raise VoucherTakesNothingOff(field="voucher_code")
    return PricedBasket(price, products, settings)


def terms_of(settings: CheckoutSettings) -> Terms:
    """Return the settings as pricing wants them."""
    return Terms(
        shipping_fee=settings.shipping_fee,
        free_shipping_from=settings.free_shipping_from,
        vat_rate=settings.vat_rate,
        vat_included=settings.vat_included,
    )


def _check_pieces(pieces: Mapping[int, int]) -> None:
    if not pieces:
        raise EmptyOrder
    too_many = sorted(product_id for product_id, qty in pieces.items() if qty > MOST_PIECES)
    if too_many:
        raise TooManyPieces(product_ids=too_many, limit=MOST_PIECES)


def _products(pieces: Mapping[int, int]) -> dict[int, ProductForSale]:
    products = products_for_sale(pieces)
    if unknown := sorted(pieces.keys() - products.keys()):
        raise UnknownProducts(product_ids=unknown)
    if idle := sorted(product.product_id for product in products.values() if not product.is_active):
        raise ProductsNotForSale(product_ids=idle)
    refuse_lacking(
        [
            (product_id, qty, stock)
            for product_id, qty in pieces.items()
            if (stock := products[product_id].stock) is not None
        ]
    )
    return products


def _check_sum(subtotal: Decimal, settings: CheckoutSettings) -> None:
    if subtotal < settings.minimum_subtotal:
        raise BelowMinimum(
            f"Orders start at R{settings.minimum_subtotal}; these goods come to R{subtotal}.",
            minimum_subtotal=f"{settings.minimum_subtotal:.2f}",
            subtotal=f"{subtotal:.2f}",
        )
    # Room for tax of up to 100 % and shipping, each column a tenth of a billion tens.
    if subtotal > _MOST_MONEY / 3:
        raise BasketTooDear
