"""Products and reviews."""

import itertools
from decimal import Decimal
from typing import Any

from accounts.models import User
from catalog.models import Product, Review
from tests.accounts.factories import make_user

_numbers = itertools.count(1)


def make_product(price: str = "10.00", **fields: Any) -> Product:
    number = next(_numbers)
    fields = {"sku": f"SKU-{number}", "name": f"Product {number}"} | fields
    return Product.objects.create(price=Decimal(price), **fields)


def make_review(user: User | None = None, product: Product | None = None, **fields: Any) -> Review:
    fields = {"rating": 4, "text": "Good."} | fields
    return Review.objects.create(user=user or make_user(), product=product or make_product(), **fields)
