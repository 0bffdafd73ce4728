"""Quotes: a price with a signed token, for which the basket can be ordered while the token is good."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.core import signing

from core.errors import DomainError
from orders.ports import Wish
from orders.pricing import Price
from orders.services.baskets import PricedBasket, price_for_member

_SALT = "orders.quote"
_SUMS = ("subtotal", "discount", "voucher_discount", "points_value", "shipping", "tax", "total")
_SHARES = ("unit_price", "discount", "points_value", "tax")


class QuoteInvalid(DomainError):
    """The token is not one of this shop's, or another member's."""

    code, status, title = "quote_invalid", 400, "This quote is not valid"


class QuoteExpired(DomainError):
    """The quoted price is no longer held; quote again."""

    code, status, title = "quote_expired", 409, "This quote has expired"


class QuoteChanged(DomainError):
    """What was quoted now costs something else; `changes` names each field, what it was and what it is."""

    code, status, title = "quote_changed", 409, "The price has changed"


@dataclass(frozen=True, slots=True)
class Quote:
    """A priced basket and the token that stands for it."""

    basket: PricedBasket
    token: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class QuotedBasket:
    """What a token says: who wants what, and the amounts by field; `key` is unique to the quote."""

    key: str
    user_id: int
    lines: tuple[tuple[int, int], ...]
    wish: Wish
    amounts: dict[str, str]
    expires_at: datetime

    def refuse_late(self, at: datetime) -> None:
        """Refuse once the quote's time is over.

        Raises:
            QuoteExpired: it is.
        """
        if self.expires_at <= at:
            raise QuoteExpired(expired_at=self.expires_at.isoformat())

    def refuse_changes(self, price: Price) -> None:
        """Hold a price of now against the quoted one.

        Raises:
            QuoteChanged: an amount differs, in the sums or in a line's share.
        """
        now = amounts_of(price)
        changes = [
            {"field": name, "was": was, "now": now[name]}
            for name, was in self.amounts.items()
            if now[name] != was
        ]
        if changes:
            raise QuoteChanged(changes=changes)


def quote_basket(*, user_id: int, lines: Sequence[tuple[int, int]], wish: Wish, at: datetime) -> Quote:
    """Price a basket and sign the price; nothing is held, and ordering checks everything again.

    Raises:
        DomainError: as `price_for_member` does.
    """
    basket = price_for_member(user_id=user_id, lines=lines, wish=wish, at=at)
    expires_at = (at + timedelta(minutes=basket.settings.quote_minutes)).replace(microsecond=0)
    price = basket.price
    content: dict[str, Any] = {
        "k": secrets.token_urlsafe(12),
        "u": user_id,
        "l": [[line.product_id, line.qty] for line in price.lines],
        "v": wish.voucher_code,
        "p": price.points_used,
        "a": list(amounts_of(price).values()),
        "x": int(expires_at.timestamp()),
    }
    return Quote(basket, signing.dumps(content, salt=_SALT, compress=True), expires_at.astimezone(UTC))


def read_token(token: str, *, user_id: int) -> QuotedBasket:
    """Return what a member's own token says, expired or not.

    Raises:
        QuoteInvalid: it was not signed here, or for another member.
    """
    try:
        content = signing.loads(token, salt=_SALT)
    except (signing.BadSignature, ValueError) as error:
        raise QuoteInvalid from error
    if content["u"] != user_id:
        raise QuoteInvalid
    lines = tuple((product_id, qty) for product_id, qty in content["l"])
    return QuotedBasket(
        key=content["k"],
        user_id=user_id,
        lines=lines,
        wish=Wish(voucher_code=content["v"], points=content["p"], quoted=True),
        amounts=dict(zip(_fields(len(lines)), content["a"], strict=True)),
        expires_at=datetime.fromtimestamp(content["x"], UTC),
    )


def amounts_of(price: Price) -> dict[str, str]:
    """Return every amount of a price by its field's name: what a quote promises."""
    values: list[Decimal | int | bool] = [getattr(price, name) for name in _SUMS]
    values += [price.points_used, price.tax_included]
    values += [getattr(line, name) for line in price.lines for name in _SHARES]
    return dict(zip(_fields(len(price.lines)), map(_written, values), strict=True))


def _fields(lines: int) -> list[str]:
    shares = [f"lines.{position}.{name}" for position in range(lines) for name in _SHARES]
    return [*_SUMS, "points_used", "tax_included", *shares]


def _written(value: Decimal | int | bool) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.2f}" if isinstance(value, Decimal) else str(value)
