"""Counting stock by hand."""

from django.db import connection, transaction

from catalog.models import Product
from catalog.services.reviews import ProductNotFound
from core import audit
from core.contracts import Actor
from core.errors import DomainError


class NotThatMuchInStock(DomainError):
    """The shelf would hold less than nothing."""

    code, status, title = "not_that_much_in_stock", 409, "There is not that much in stock"


@transaction.atomic
def adjust_stock(*, product_id: int, change: int, reason: str, actor: Actor) -> int:
    """Add to a product's stock, or take from it with a negative change; return what is there now.

    A change and not a count: what is sold between counting and typing stays sold. From then on the stock is
    tracked.

    Raises:
        ProductNotFound: there is no such product.
        NotThatMuchInStock: more would be taken than there is.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE products SET stock = stock + %s, stock_is_tracked = true, updated_at = now()
            WHERE id = %s AND stock + %s >= 0
            RETURNING stock
            """,
            [change, product_id, change],
        )
        row = cursor.fetchone()
    if row is None:
        here = Product.objects.filter(pk=product_id).values_list("stock", flat=True).first()
        if here is None:
            raise ProductNotFound
        raise NotThatMuchInStock(f"There are {here} in stock.", stock=here)
    stock = int(row[0])
    audit.record(
        actor=actor,
        action="product.stock",
        target=Product(pk=product_id),
        before={"stock": stock - change},
        after={"stock": stock},
        reason=reason,
    )
    return stock
