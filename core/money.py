"""Rounding and splitting rand: the one place where an amount becomes cents."""

from collections.abc import Sequence
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal

CENT = Decimal("0.01")
ZERO = Decimal("0.00")


def to_cents(amount: Decimal) -> Decimal:
    """Round to the cent, half up."""
    return amount.quantize(CENT, ROUND_HALF_UP)


def allocate(amount: Decimal, weights: Sequence[Decimal]) -> list[Decimal]:
    """Split whole cents over `weights` (whole cents, not negative) in proportion; the parts sum to `amount`.

    The cents that rounding leaves go to the largest remainders, the first of equals first (Hamilton's method).
    No part exceeds its weight when `amount` does not exceed their sum. Nothing weighs: nothing is given,
    so `amount` must be zero then.

    Raises:
        ValueError: there is something to split and nothing to split it over.
    """
    whole = sum(weights, ZERO)
    if not whole:
        if amount:
            raise ValueError("nothing to split the amount over")
        return [ZERO for _ in weights]
    exact = [amount * weight / whole for weight in weights]
    parts = [share.quantize(CENT, ROUND_FLOOR) for share in exact]
    left = int((amount - sum(parts, ZERO)) / CENT)
    by_remainder = sorted(range(len(parts)), key=lambda n: (parts[n] - exact[n], n))
    for n in by_remainder[:left]:
        parts[n] += CENT
    return parts
