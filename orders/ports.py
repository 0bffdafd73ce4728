"""What checkout asks of apps above: what makes a basket cheaper, and to hold it for an order.

An upper app registers one provider at start. Its calls run in the order's transaction, with the order locked,
so what it raises undoes what was being done to the order; and each is made once for the order's step, because
steps are taken once. Pure, but for the providers.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import IntEnum
from typing import Protocol

from core.errors import DomainError

_NOTHING = Decimal("0.00")


class Step(IntEnum):
    """In which order basket-wide changes are made."""

    DISCOUNT = 1
    VOUCHER = 2
    POINTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjustment:
    """Something that makes a basket cheaper. One of `amount`, `percent`, `free_shipping` or `points` is set.

    `product_ids` are those that it applies to; None means all. `points` are the most that the member wants to
    use, each worth `point_value` rand; no more are used than are needed.
    """

    step: Step
    label: str
    code: str = ""
    amount: Decimal | None = None
    percent: Decimal | None = None
    free_shipping: bool = False
    points: int = 0
    point_value: Decimal = _NOTHING
    product_ids: frozenset[int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a member wants to use for a basket.

    `quoted` says that these very points were quoted before: as many as the basket takes, which may be fewer
    than a member may ask for.
    """

    voucher_code: str = ""
    points: int = 0
    quoted: bool = False

    def __bool__(self) -> bool:
        return bool(self.voucher_code or self.points)


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOrder:
    """What a provider may know of an order that holds something of its: money in rand."""

    order_id: int
    user_id: int
    number: str
    voucher_code: str
    points_used: int
    points_value: Decimal


@dataclass(frozen=True, slots=True)
class PointsBack:
    """Points of an order to give back for a return, whose reference is unique within the order."""

    order_id: int
    user_id: int
    number: str
    points: int
    reference: str


class CheckoutProvider(Protocol):
    """One app's part in checkout. Only asked about baskets and orders with a voucher or points."""

    refusals: tuple[type[DomainError], ...]
    """What `quote` and `reserve` may raise, for the API's schema."""

    def quote(
        self, *, user_id: int, wish: Wish, product_ids: Sequence[int], at: datetime
    ) -> list[Adjustment]:
        """Say what the wish does to a basket; holds nothing.

        Raises:
            DomainError: the wish can't be had; its fact `field` names `voucher_code` or `points`.
        """
        ...

    def reserve(self, order: HeldOrder, *, at: datetime) -> None:
        """Hold the order's voucher and take its points.

        Raises:
            DomainError: somebody was quicker.
        """
        ...

    def lock(self, user_ids: Collection[int], *, at: datetime) -> None:
        """Lock what members' points hang on, before many orders of theirs are let go in one transaction."""
        ...

    def commit(self, order: HeldOrder, *, at: datetime) -> None:
        """Take note that the order is paid."""
        ...

    def release(self, order: HeldOrder, *, at: datetime) -> None:
        """Let go of everything that a cancelled order held or used."""
        ...

    def give_back(self, backs: Sequence[PointsBack], *, at: datetime) -> dict[tuple[int, str], int]:
        """Give points of returned goods back; orders whose points nobody took here are passed over.

        Returns how many came back by (order id, reference).
        """
        ...


_providers: dict[str, CheckoutProvider] = {}


def register(name: str, provider: CheckoutProvider) -> None:
    """Add an app's provider, in its `AppConfig.ready`."""
    if name in _providers:
        raise ValueError(f"two checkout providers are called {name}")
    _providers[name] = provider


def refusals() -> tuple[type[DomainError], ...]:
    """Return what the providers may refuse a basket with."""
    return tuple(error for provider in _providers.values() for error in provider.refusals)


def providers() -> tuple[CheckoutProvider, ...]:
    """Return every provider, in the order of their registration."""
    return tuple(_providers.values())
