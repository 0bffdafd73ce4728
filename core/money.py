"""Rounding and splitting rand: the one place where an amount becomes cents."""

from collections.abc import Sequence
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal

CENT = Decimal("0.01")
ZERO = Decimal("0.00")


def to_cents(amount: Decimal) -> Decimal:
    """Round to the cent, half up."""
    return amount.quantize(CENT, ROUND_HALF_UP)


def down_to_cents(amount: Decimal) -> Decimal:
    """Round down to the cent: for what must not come to more than it is worth."""
    return amount.quantize(CENT, ROUND_FLOOR)


def allocate(amount: Decimal, weights: Sequence[Decimal]) -> list[Decimal]:
    """Split whole cents over `weights` (whole cents, not negative) in proportion; the parts sum to `amount`.

    The cents that rounding leaves go to the largest remainders, of equals to the first (Hamilton's method).
    No part exceeds its weight when `amount` does not exceed their sum.

    Raises:
        ValueError: there is something to split and nothing to split it over.
    """
    # In whole cents, where division has a remainder and no precision to run out of.
    cents, shares = _cents(amount), [_cents(weight) for weight in weights]
    whole = sum(shares)
    if not whole:
        if cents:
            raise ValueError("nothing to split the amount over")
        return [ZERO for _ in weights]
    parts, remainders = zip(*(divmod(cents * share, whole) for share in shares), strict=True)
    owed = list(parts)
    by_remainder = sorted(range(len(owed)), key=lambda n: (-remainders[n], n))
    for n in by_remainder[: cents - sum(owed)]:
        owed[n] += 1
    return [Decimal(part).scaleb(-2) for part in owed]


def _cents(amount: Decimal) -> int:
    cents = int(amount.scaleb(2))
    assert cents == amount * 100, "only whole cents can be split"
    return cents
