"""Products and reviews."""

import itertools
from decimal import Decimal
from io import BytesIO
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from accounts.models import User
from catalog.models import Brand, Category, Product, Review
from tests.accounts.factories import make_user

_numbers = itertools.count(1)


def make_product(price: str = "10.00", **fields: Any) -> Product:
    number = next(_numbers)
    fields = {"sku": f"SKU-{number}", "name": f"Product {number}"} | fields
    return Product.objects.create(price=Decimal(price), **fields)


def make_review(user: User | None = None, product: Product | None = None, **fields: Any) -> Review:
    fields = {"rating": 4, "text": "Good."} | fields
    return Review.objects.create(user=user or make_user(), product=product or make_product(), **fields)


def make_category(name: str, parent: Category | None = None) -> Category:
    return Category.objects.create(name=name, slug=f"{name.lower()}-{next(_numbers)}", parent=parent)


def make_brand(name: str) -> Brand:
    return Brand.objects.create(name=name, slug=f"brand-{next(_numbers)}")


def make_variant(product: Product, price: str = "10.00", **fields: Any) -> Product:
    return make_product(price, variant_of=product, category=product.category, brand=product.brand, **fields)


def picture(width: int = 40, height: int = 30, kind: str = "PNG", **options: Any) -> SimpleUploadedFile:
    """An upload of a real picture."""
    written = BytesIO()
    Image.new(options.pop("mode", "RGB"), (width, height), options.pop("color", "red")).save(
        written, kind, **options
    )
    return SimpleUploadedFile(f"mine.{kind.lower()}", written.getvalue(), f"image/{kind.lower()}")
