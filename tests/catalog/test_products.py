from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError

from catalog.contracts import CategoryRow, ProductRow, ProductSnapshot
from catalog.facade import ensure_categories, ensure_products, product_snapshots
from catalog.models import Category, Product
from tests.catalog.factories import make_product
from tests.concurrency import together

pytestmark = pytest.mark.django_db


def row(sku, price="1.50", **fields):
    return ProductRow(sku, f"Name of {sku}", Decimal(price), **fields)


def test_products_are_made_once_and_known_ones_stay_as_they_are():
    known = make_product("9.99", sku="B", name="Old")
    ids = ensure_products(
        [row("C"), row("B", "1.00"), row("A", image_url="https://x.test/a.png"), row("C", "7")]
    )
    assert set(ids) == {"A", "B", "C"}
    assert ids["B"] == known.pk
    assert list(Product.objects.order_by("sku").values_list("sku", "name", "price", "image_url")) == [
        ("A", "Name of A", Decimal("1.50"), "https://x.test/a.png"),
        ("B", "Old", Decimal("9.99"), ""),
        ("C", "Name of C", Decimal("1.50"), ""),
    ]
    assert ensure_products([row("A"), row("B"), row("C")]) == ids


def test_a_thousand_products_cost_as_many_statements_as_one(django_assert_num_queries):
    with django_assert_num_queries(5):  # SAVEPOINT, look, insert, look, RELEASE
        ensure_products([row("x")])
    with django_assert_num_queries(5):
        assert len(ensure_products([row(str(number)) for number in range(1000)])) == 1000


@pytest.mark.django_db(transaction=True)
def test_two_imports_at_once_make_each_product_once():
    rows = [row(str(number)) for number in range(300)]
    first, second = together(lambda: ensure_products(rows), lambda: ensure_products(reversed(rows)))
    assert first == second
    assert Product.objects.count() == 300


def test_categories_are_made_with_their_parents():
    ids = ensure_categories([CategoryRow("home", "Home"), CategoryRow("mugs", "Mugs", "home")])
    assert Category.objects.get(pk=ids["mugs"]).parent_id == ids["home"]
    assert ensure_categories([CategoryRow("mugs", "Other name", "home")]) == {"mugs": ids["mugs"]}
    assert Category.objects.get(pk=ids["mugs"]).name == "Mugs"


def test_a_category_does_not_stand_beneath_itself():
    ids = ensure_categories([CategoryRow("a", "A"), CategoryRow("b", "B", "a"), CategoryRow("c", "C", "b")])
    top = Category.objects.get(pk=ids["a"])
    top.parent_id = ids["c"]
    with pytest.raises(ValidationError):
        top.full_clean()


def test_snapshots_are_one_query_and_leave_out_what_is_unknown(django_assert_num_queries):
    product = make_product(sku="S", name="N")
    with django_assert_num_queries(1):
        found = product_snapshots([product.pk, product.pk, product.pk + 1])
    assert found == {product.pk: ProductSnapshot(product.pk, "S", "N")}
