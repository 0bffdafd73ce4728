"""Reads of a shop's orders: what is stored of them, beside what the shop tells."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from orders.contracts import SHOP
from orders.models import Order, OrderItem
from orders.rules import Status
from orders.shop_rules import TIMES, ShopOrder, Sums, is_there

Terms = tuple[str, int, Decimal, Decimal]


@dataclass(frozen=True, slots=True)
class StoredOrder:
    """An order that is there, with who its member is known as."""

    id: int
    external_id: str | None
    phone: str | None
    email: str | None
    status: Status
    sums: Sums
    times: dict[str, datetime]
    terms: tuple[Terms, ...]

    def says(self, told: ShopOrder) -> bool:
        """Say whether the order is as it is told, so that there is nothing to do.

        False also where it takes a closer look: a member may be named by what another row knows.
        """
        return (
            self._is_of(told)
            and (told.status is None or is_there(self.status, told.status))
            and self._costs(told)
            and told.times.keys() <= self.times.keys()
        )

    def _is_of(self, told: ShopOrder) -> bool:
        return (
            told.external_id in (None, self.external_id)
            and told.phone in (None, self.phone)
            and (told.email is None or told.email.lower() == (self.email or "").lower())
        )

    def _costs(self, told: ShopOrder) -> bool:
        return costs(told, terms=self.terms, sums=self.sums)


def costs(told: ShopOrder, *, terms: tuple[Terms, ...], sums: Sums) -> bool:
    """Say whether lines and money are as they are told; a total told alone is just compared."""
    if told.sums is None:
        return True
    if told.lines is None:
        return told.sums.total == sums.total
    return tuple(line.terms for line in told.lines) == terms and told.sums == sums


def stored_orders(shop: str, numbers: Collection[str]) -> dict[str, StoredOrder]:
    """Return a shop's orders by number; unknown numbers are missing. Two queries."""
    rows = list(
        Order.objects.filter(shop=shop, number__in=numbers).values_list(
            "number", "id", "user__external_id", "user__phone", "user__email", "status",
            "subtotal", "discount", "shipping", "tax", "total", *TIMES,
        )
    )  # fmt: skip
    terms = _terms(row[1] for row in rows)
    return {
        number: StoredOrder(
            *(order_id, external_id, phone, email, Status(status), Sums(*rest[:5])),
            {name: moment for name, moment in zip(TIMES, rest[5:], strict=True) if moment is not None},
            tuple(terms[order_id]),
        )
        for number, order_id, external_id, phone, email, status, *rest in rows
    }


def _terms(order_ids: Iterable[int]) -> dict[int, list[Terms]]:
    terms: dict[int, list[Terms]] = defaultdict(list)
    items = OrderItem.objects.filter(order_id__in=list(order_ids)).order_by("order_id", "position")
    for order_id, sku, qty, unit_price, discount in items.values_list(
        "order_id", "sku", "qty", "unit_price", "discount"
    ):
        terms[order_id].append((sku, qty, unit_price, discount))
    return terms


def shop_order(shop: str, number: str) -> Order:
    """Return one order with its member, lines and returns, in four queries.

    Raises:
        Order.DoesNotExist: the shop has none under this number.
    """
    orders = Order.objects.select_related("user").prefetch_related("items", "returns__lines__item")
    return orders.get(shop=shop, number=number)


def catalogue_sku(shop: str, sku: str) -> str:
    """Return the SKU under which the catalogue has a shop's product: other shops' have their name before it.

    Two shops may call different goods the same.
    """
    return sku if shop == SHOP else f"{shop}:{sku}"
