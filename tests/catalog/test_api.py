"""The shelves over HTTP: shapes, filters, pages, refusals, and what they cost in queries."""

from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from catalog.models import Product, ProductImage, Review
from tests.accounts.factories import make_user
from tests.catalog.factories import (
    make_brand,
    make_category,
    make_product,
    make_review,
    make_variant,
)

pytestmark = pytest.mark.django_db

GETS = ["catalog/categories/", "catalog/brands/", "catalog/products/", "catalog/reviews/"]


def skus(client, **query):
    answer = client.get("/catalog/products/", query)
    assert answer.status_code == 200, answer.content
    return [row["sku"] for row in answer.json()["results"]]


def walk(client, link):
    rows = []
    while link:
        page = client.get(link).json()
        rows += page["results"]
        link = page["next"]
    return rows


@pytest.mark.parametrize("path", GETS)
@pytest.mark.parametrize("root", ["/", "/api/v1/"])
def test_every_call_answers_at_both_roots_and_refuses_the_unknown(api, signed_in, root, path):
    assert signed_in.get(root + path).status_code == 200
    refused = api.get(root + path)
    assert refused.status_code == 401
    assert refused["Content-Type"] == "application/problem+json"


def test_categories_are_a_tree_by_name(signed_in, django_assert_num_queries):
    home = make_category("Home")
    kitchen = make_category("Kitchen", home)
    mugs, bowls = make_category("Mugs", kitchen), make_category("Bowls", kitchen)
    garden = make_category("Garden")
    with django_assert_num_queries(2):  # the user, the categories
        tree = signed_in.get("/catalog/categories/").json()

    def shelf(category, *children):
        return {
            "id": category.pk,
            "name": category.name,
            "slug": category.slug,
            "children": list(children),
        }

    assert tree == [shelf(garden), shelf(home, shelf(kitchen, shelf(bowls), shelf(mugs)))]


def test_brands_are_those_of_something_on_sale(signed_in):
    sold, gone, empty = make_brand("Bosch"), make_brand("Adler"), make_brand("Zebra")
    make_product(brand=sold)
    make_product(brand=gone, is_active=False)
    assert empty.pk
    assert signed_in.get("/catalog/brands/").json() == [{"id": sold.pk, "name": "Bosch", "slug": sold.slug}]


@pytest.fixture
def shop():
    """Eight products; what each filter keeps of them is in the table below."""
    home = make_category("Home")
    mugs = make_category("Mugs", make_category("Kitchen", home))
    toys = make_category("Toys")
    acme, bosch = make_brand("Acme"), make_brand("Bosch")
    rated = {"rating_average": "4.50", "rating_count": 2}
    made = {
        "A": make_product("10.00", sku="A", category=mugs, brand=acme, **rated),
        "B": make_product("20.00", sku="B", category=home, brand=bosch, stock_is_tracked=True),
        "C": make_product("30.00", sku="C", category=toys, stock_is_tracked=True, stock=3),
        "D": make_product("40.00", sku="D", brand=acme, rating_average="2.00", rating_count=9),
        "E": make_product("50.00", sku="E", category=toys),
        "F": make_product("0.00", sku="F", category=mugs),
        "off": make_product("10.00", sku="off", category=mugs, brand=acme, is_active=False, **rated),
    }
    make_variant(made["E"], sku="E-1", stock_is_tracked=True)
    make_variant(made["F"], sku="F-1", stock_is_tracked=True)
    make_variant(made["F"], sku="F-2", stock_is_tracked=True, stock=1)
    make_variant(made["D"], sku="D-1", stock_is_tracked=True, is_active=False)
    return made | {"home": home, "mugs": mugs, "toys": toys, "acme": acme, "bosch": bosch}


@pytest.mark.parametrize(
    ("query", "kept"),
    [
        ({}, "ABCDEF"),
        ({"category": "home"}, "ABF"),
        ({"category": "mugs"}, "AF"),
        ({"category": "toys"}, "CE"),
        ({"category": 10**18}, ""),
        ({"brand": "acme"}, "AD"),
        ({"brand": "acme,bosch"}, "ABD"),
        ({"brand": "bosch", "category": "home"}, "B"),
        ({"brand": "bosch", "category": "toys"}, ""),
        ({"min_price": "30"}, "CDE"),
        ({"max_price": "10.00"}, "AF"),
        ({"min_price": "10", "max_price": "30.00"}, "ABC"),
        ({"min_price": "10", "max_price": "10"}, "A"),
        ({"max_price": "0"}, "F"),
        ({"in_stock": "true"}, "ACDF"),
        ({"in_stock": "false"}, "BE"),
        ({"min_rating": "4"}, "A"),
        ({"min_rating": "2"}, "AD"),
        ({"min_rating": "4.51"}, ""),
        ({"min_rating": "0"}, "ABCDEF"),
        ({"ids": "A,C"}, "AC"),
        ({"ids": "A,off"}, "A"),
        ({"ids": "C,C"}, "C"),
        ({"ids": str(2**62)}, ""),
        ({"category": "home", "in_stock": "1", "max_price": "15", "min_rating": "1"}, "A"),
        ({"q": "product", "category": "toys"}, "CE"),
        ({"q": "product", "brand": "acme", "in_stock": "true", "ids": "A,B"}, "A"),
        ({"unknown": "ignored"}, "ABCDEF"),
    ],
)
def test_filters_keep(signed_in, shop, query, kept):
    query = {
        name: ",".join(str(shop[part].pk) if part in shop else part for part in str(value).split(","))
        for name, value in query.items()
    }
    assert sorted(skus(signed_in, **query)) == list(kept)


def test_a_variants_id_stands_for_its_product(signed_in, shop):
    variant = Product.objects.get(sku="F-2")
    assert skus(signed_in, ids=f"{variant.pk},{shop['A'].pk}") == ["F", "A"]


@pytest.mark.parametrize(
    ("ordering", "order"),
    [
        ("newest", "FEDCBA"),
        ("price", "FABCDE"),
        ("-price", "EDCBAF"),
        ("rating", "ADFECB"),
        ("name", "ABCDEF"),
    ],
)
def test_lists_are_ordered(signed_in, shop, ordering, order):
    for number, sku in enumerate("ABCDEF"):
        Product.objects.filter(sku=sku).update(name=f"N{number}")
    assert skus(signed_in, ordering=ordering) == list(order)


@pytest.mark.parametrize("ordering", ["newest", "price", "-price", "rating", "name", "relevance"])
@pytest.mark.parametrize("limit", [1, 4, 7])
def test_pages_hold_each_row_once_though_all_are_equal(signed_in, ordering, limit):
    now = timezone.now()
    made = {make_product(name="Same", created_at=now).sku for _ in range(11)}
    link = f"/catalog/products/?ordering={ordering}&limit={limit}&q=same"
    rows = [row["sku"] for row in walk(signed_in, link)]
    assert len(rows) == 11
    assert set(rows) == made


def test_a_page_back_is_the_page_before(signed_in):
    for _ in range(5):
        make_product(name="Same")
    first = signed_in.get("/catalog/products/?q=same&limit=2").json()
    second = signed_in.get(first["next"]).json()
    assert signed_in.get(second["previous"]).json()["results"] == first["results"]


def test_a_listed_product(signed_in):
    category, brand = make_category("Mugs"), make_brand("Acme")
    product = make_product("12.50", sku="M", name="Mug", category=category, brand=brand)
    row = signed_in.get("/catalog/products/").json()["results"]
    assert row == [
        {
            "id": product.pk,
            "sku": "M",
            "name": "Mug",
            "price": "12.50",
            "image": None,
            "in_stock": True,
            "has_variants": False,
            "category": {"id": category.pk, "name": "Mugs", "slug": category.slug},
            "brand": {"id": brand.pk, "name": "Acme", "slug": brand.slug},
            "rating": None,
            "rating_count": 0,
        }
    ]


def test_the_first_picture_is_shown_and_without_one_the_imported_address(signed_in):
    product = make_product(image_url="https://x.test/old.png")

    def image():
        return signed_in.get("/catalog/products/").json()["results"][0]["image"]

    assert image() == "https://x.test/old.png"
    ProductImage.objects.create(product=product, position=2, url="https://x.test/2.png")
    ProductImage.objects.create(product=product, position=1, file="products/one.jpg")
    assert image() == "http://testserver/media/products/one.jpg"


def test_a_product_with_all_that_belongs_to_it(signed_in, member, django_assert_num_queries):
    product = make_product("20.00", sku="T", name="Shirt", description="Soft.", attributes={"fit": "slim"})
    small = make_variant(product, "18.00", sku="T-S", name="Shirt, S", attributes={"size": "S"})
    large = make_variant(product, "22.00", sku="T-L", name="Shirt, L", stock_is_tracked=True)
    make_variant(product, sku="T-X", is_active=False)
    ProductImage.objects.create(product=product, url="https://x.test/t.png", alt="A shirt")
    for rating in (5, 5, 2):
        make_review(product=product, rating=rating, status="approved")
    own = make_review(member, product, rating=1)
    Product.objects.filter(pk=product.pk).update(rating_average="4.00", rating_count=3)
    # The user, the product, its pictures, variants, their pictures, the histogram, one's own review.
    with django_assert_num_queries(7):
        shown = signed_in.get(f"/catalog/products/{product.pk}/").json()
    assert shown["variants"] == [
        {
            "id": small.pk, "sku": "T-S", "name": "Shirt, S", "price": "18.00", "image": None,
            "in_stock": True, "attributes": {"size": "S"}, "images": [],
        },
        {
            "id": large.pk, "sku": "T-L", "name": "Shirt, L", "price": "22.00", "image": None,
            "in_stock": False, "attributes": {}, "images": [],
        },
    ]  # fmt: skip
    assert shown["images"] == [{"url": "https://x.test/t.png", "alt": "A shirt"}]
    assert shown["reviews"] == {
        "average": "4.00",
        "count": 3,
        "histogram": {"1": 0, "2": 1, "3": 0, "4": 0, "5": 2},
    }
    assert shown["own_review"] == {"id": own.pk, "status": "pending", "rating": 1}
    assert (shown["description"], shown["attributes"], shown["in_stock"]) == ("Soft.", {"fit": "slim"}, True)
    assert shown["selected_variant_id"] is None
    of_variant = signed_in.get(f"/catalog/products/{large.pk}/").json()
    assert (of_variant["id"], of_variant["selected_variant_id"]) == (product.pk, large.pk)


def test_a_product_that_is_not_sold_is_404(signed_in):
    off = make_product(is_active=False)
    of_off = make_variant(off)
    on = make_product()
    variant_off = make_variant(on, is_active=False)
    for product_id in (off.pk, of_off.pk, variant_off.pk, 999999, 10**25):
        assert signed_in.get(f"/catalog/products/{product_id}/").status_code == 404
        assert signed_in.get(f"/catalog/products/{product_id}/reviews/").status_code == 404
        answer = signed_in.post(f"/catalog/products/{product_id}/reviews/", {"rating": 5})
        assert answer.status_code == 404
        assert answer["Content-Type"] == "application/problem+json"
    assert not Review.objects.exists()


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("category=x", "category"),
        ("category=0", "category"),
        ("category=99999999999999999999", "category"),
        ("brand=1,", "brand"),
        ("brand=a", "brand"),
        ("brand=", "brand"),
        ("ids=1;2", "ids"),
        ("ids=-1", "ids"),
        ("ids=9223372036854775808", "ids"),
        ("ids=" + "9" * 400, "ids"),
        ("ids=" + "0" * 19 + "1" + "9" * 5000, "ids"),
        ("ids=%D9%A1", "ids"),
        ("ids=" + ",".join(["1"] * 201), "ids"),
        ("min_price=-1", "min_price"),
        ("min_price=NaN", "min_price"),
        ("min_price=1.005", "min_price"),
        ("max_price=Infinity", "max_price"),
        ("max_price=99999999999999", "max_price"),
        ("min_price=5&max_price=4", "min_price"),
        ("min_rating=6", "min_rating"),
        ("min_rating=x", "min_rating"),
        ("in_stock=perhaps", "in_stock"),
        ("ordering=stock", "ordering"),
        ("ordering=relevance", "ordering"),
        ("ordering=relevance&q=%20", "ordering"),
        ("q=" + "x" * 201, "q"),
        ("q=a%00b", "q"),
        ("limit=0", "limit"),
        ("cursor=rubbish", "cursor"),
        ("cursor=W2ZhbHNlLCIxIl0=", "cursor"),
    ],
)
def test_a_wrong_parameter_is_named(signed_in, query, field):
    make_product()
    answer = signed_in.get(f"/catalog/products/?{query}")
    assert answer.status_code == 400, answer.content
    assert set(answer.json()["errors"]) == {field}


def test_a_cursor_of_another_order_is_refused(signed_in):
    for _ in range(3):
        make_product(name="Same")
    link = signed_in.get("/catalog/products/?q=same&limit=1").json()["next"]
    answer = signed_in.get(link.replace("q=same", "q=same&ordering=newest"))
    assert set(answer.json()["errors"]) == {"cursor"}


def _fill(member, rows):
    parent = None
    for number in range(rows):
        parent = make_category(f"C{rows}-{number}", parent)
        product = make_product(category=parent, brand=make_brand(f"B{rows}-{number}"), name="Same")
        make_variant(product)
        ProductImage.objects.create(product=product, url="https://x.test/1.png")
        make_review(member, product)


@pytest.mark.parametrize(
    "path",
    [
        "catalog/categories/",
        "catalog/brands/",
        "catalog/products/",
        "catalog/products/?q=same",
        "catalog/products/?in_stock=1&min_rating=0&ordering=rating",
        "catalog/reviews/",
    ],
)
def test_a_list_costs_the_same_for_one_row_and_fifty(signed_in, member, path):
    counts = []
    for rows in (1, 49):
        _fill(member, rows)
        with CaptureQueriesContext(connection) as queries:
            answer = signed_in.get(f"/{path}")
        assert answer.status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 4


@pytest.mark.parametrize("ordering", ["newest", "helpful"])
def test_reviews_cost_the_same_for_one_and_fifty(signed_in, ordering):
    product = make_product()
    counts = []
    for rows in (1, 49):
        for _ in range(rows):
            make_review(product=product, status="approved")
        with CaptureQueriesContext(connection) as queries:
            page = signed_in.get(f"/catalog/products/{product.pk}/reviews/?ordering={ordering}").json()
        counts.append(len(queries))
    assert len(page["results"]) == 50
    assert counts[0] == counts[1] == 4  # the user, the product, reviews with authors, their pictures


def test_the_price_is_money(signed_in):
    make_product("5")
    assert signed_in.get("/catalog/products/").json()["results"][0]["price"] == "5.00"
    assert Product.objects.get().price == Decimal("5.00")


def test_another_members_review_is_not_among_ones_own(signed_in, member):
    mine = make_review(member, status="rejected", moderation_reason="Off topic.")
    make_review(make_user(), status="approved")
    (row,) = signed_in.get("/catalog/reviews/").json()["results"]
    assert (row["id"], row["status"], row["moderation_reason"]) == (mine.pk, "rejected", "Off topic.")
