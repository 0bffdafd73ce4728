"""What a shop tells, as the services take it."""

from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from core.contracts import Actor
from orders.rules import Status
from orders.services.shop_orders import Outcome, put_order
from orders.services.shop_returns import ReturnedLine, ShopReturn, TakenBack
from orders.services.shop_waiting import take_shop_return
from orders.shop_rules import ShopLine, ShopOrder, only_total, sums_of

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=ZoneInfo("Africa/Johannesburg"))
HOUR = timedelta(hours=1)
KEY = Actor("key:till")
SHOP = "corner"
D = Decimal


def sold(
    sku: str = "A", qty: int = 1, price: str = "10.00", *, discount: str = "0.00", name: str = ""
) -> ShopLine:
    return ShopLine(sku, name, qty, D(price), D(discount))


def told(number: str = "1", *lines: ShopLine, member: str | None = "m1", **fields: object) -> ShopOrder:
    """An order of these lines whose sums agree; `total` makes one without lines, and neither is bare news."""
    money = {name: D(str(fields.pop(name))) for name in ("shipping", "tax") if name in fields}
    total = fields.pop("total", None)
    sums = sums_of(lines, **money) if lines else only_total(D(str(total))) if total is not None else None
    if "status" in fields:
        fields["status"] = Status(fields["status"])
    return ShopOrder(number=number, external_id=member, lines=tuple(lines) or None, sums=sums, **fields)


def put(order: ShopOrder, *, shop: str = SHOP, at: datetime = NOW) -> Outcome:
    return put_order(shop, order, actor=KEY, at=at)


def give_back(
    number: str, pieces: dict[str, int] | None, *, return_id: str = "R1", shop: str = SHOP, at: datetime = NOW
) -> TakenBack:
    """A return of pieces by SKU, or, where the name is a number, by position; None is all that is left."""
    lines = None
    if pieces is not None:
        lines = tuple(
            ReturnedLine(qty, position=int(name)) if name.isdigit() else ReturnedLine(qty, sku=name)
            for name, qty in pieces.items()
        )
    news = ShopReturn(number=number, return_id=return_id, lines=lines, at=at)
    return take_shop_return(shop, news, actor=KEY, at=at)
