"""A member at the till: points, vouchers, baskets and orders, for tests of checkout."""

from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from accounts.models import User
from catalog.models import Category, Product
from core.contracts import Actor
from orders.checkout_models import CheckoutSettings
from orders.models import Order
from orders.ports import Wish
from orders.services.checkout import MadeOrder, order_basket, order_quote
from orders.services.quoting import Quote, quote_basket
from rewards.models import Programme, UserPoints, UserVoucher
from rewards.selectors.audit import audit_ledger
from rewards.services.voucher_codes import insert_voucher
from tests.accounts.factories import make_user
from tests.catalog.factories import make_product

D = Decimal
AT = datetime(2026, 6, 1, 9, 0, tzinfo=ZoneInfo("Africa/Johannesburg"))


def terms(**changed: object) -> None:
    """Set the shop's terms; what is not named is without shipping and VAT."""
    plain = {
        "shipping_fee": D("0.00"),
        "free_shipping_from": None,
        "vat_rate": D("0.00"),
        "vat_included": True,
        "minimum_subtotal": D("0.00"),
        "unpaid_minutes": 30,
        "quote_minutes": 15,
    }
    CheckoutSettings.objects.update(**(plain | changed))


def programme(**changed: object) -> None:
    Programme.objects.update(**changed)


def member(points: int = 0) -> User:
    user = make_user()
    if points:
        UserPoints.objects.create(user=user, current_points=points)
    return user


def voucher(
    user: User,
    value: str = "10.00",
    *,
    kind: str = "discount_voucher",
    category: Category | None = None,
    until: datetime | None = None,
) -> str:
    """Give a member a voucher; return its code."""
    made = UserVoucher(
        user=user,
        type=kind,
        value=D(value),
        category=category,
        expires_at=until or AT + timedelta(days=30),
        created_at=AT,
    )
    return insert_voucher(made).code


def stocked(stock: int, price: str = "10.00") -> Product:
    return make_product(price, stock=stock, stock_is_tracked=True)


def lines(*wanted: tuple[Product, int]) -> list[tuple[int, int]]:
    return [(product.pk, qty) for product, qty in wanted]


def quote(
    user: User, *wanted: tuple[Product, int], code: str = "", points: int = 0, at: datetime = AT
) -> Quote:
    wish = Wish(voucher_code=code, points=points)
    return quote_basket(user_id=user.pk, lines=lines(*wanted), wish=wish, at=at)


def order(
    user: User,
    *wanted: tuple[Product, int],
    code: str = "",
    points: int = 0,
    at: datetime = AT,
    key: str | None = None,
) -> MadeOrder:
    return order_basket(
        user_id=user.pk,
        lines=lines(*wanted),
        wish=Wish(voucher_code=code, points=points),
        actor=Actor.of(user),
        at=at,
        key=key,
    )


def order_quoted(user: User, token: str, *, at: datetime = AT) -> MadeOrder:
    return order_quote(user_id=user.pk, token=token, actor=Actor.of(user), at=at)


def balance(user: User) -> int:
    return UserPoints.objects.get(user=user).current_points


def assert_clean_books() -> None:
    assert audit_ledger().broken == ()


def fresh(made: MadeOrder) -> Order:
    return Order.objects.get(pk=made.order.pk)
