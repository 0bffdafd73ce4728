"""Finding products by words."""

import pytest

from catalog.models import Product, ProductSearch
from catalog.rules import search_terms
from catalog.services.products import ensure_products
from tests.catalog.factories import make_brand, make_product, make_variant

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop():
    return {
        "creme": make_product(name="Crème brûlée set", sku="CB-1"),
        "mug": make_product(name="Blue coffee mug", sku="MUG-01", description="Dishwasher safe."),
        "mugs": make_product(name="Red mugs, six", sku="MUG-06"),
        "shirt": make_product(name="Children's T-shirt", sku="TS.9", attributes={"colour": "turquoise"}),
        "band": make_product(name="The Who: it and then", sku="LP-7", brand=make_brand("Décca")),
        "pot": make_product(name="Teapot", sku="POT", description="Goes with every mug."),
        "off": make_product(name="Old mug", sku="OLD", is_active=False),
    }


def found(client, text, **query):
    answer = client.get("/catalog/products/", {"q": text, "limit": 200, **query})
    assert answer.status_code == 200, answer.content
    return [row["sku"] for row in answer.json()["results"]]


@pytest.mark.parametrize(
    ("text", "skus"),
    [
        ("creme", {"CB-1"}),
        ("crème brûlée", {"CB-1"}),
        ("CREME BRULEE", {"CB-1"}),
        ("cre\u0300me", {"CB-1"}),  # the accent as a character of its own
        ("mug", {"MUG-01", "MUG-06", "POT"}),
        ("mugs", {"MUG-01", "MUG-06", "POT"}),
        ("coffee mugs", {"MUG-01"}),
        ("mug coffee", {"MUG-01"}),
        ('"coffee mug"', {"MUG-01"}),
        ('"mug coffee"', set()),
        ("mug -red", {"MUG-01", "POT"}),
        ("-mug teapot", set()),
        ("red or teapot", {"MUG-06", "POT"}),
        ("cof", {"MUG-01"}),
        ("blue cof", {"MUG-01"}),
        ("cof ", set()),  # a space ends the word
        ("cof blue", set()),  # only the last word may be unfinished
        ("c", set()),  # a letter is no beginning
        ("childrens", {"TS.9"}),
        ("children's", {"TS.9"}),
        ("children\u2019s t-shirts", {"TS.9"}),
        ("turquoise", {"TS.9"}),
        ("the who", {"LP-7"}),
        ("decca", {"LP-7"}),
        ("mug-06", {"MUG-06"}),
        ("MUG 06", {"MUG-06"}),
        ("dishwasher", {"MUG-01"}),
        ("mug!!! (blue), [coffee]?", {"MUG-01"}),
        ("mug & blue | !red <-> :*", set()),
        ("mug & blue :*", {"MUG-01"}),
        ("'; DROP TABLE products; --", set()),
        ("mug' OR '1'='1", {"CB-1", "MUG-01", "MUG-06", "POT"}),  # the word mug, or the word 1
        ("\\", set()),
        ("mug\\", {"MUG-01", "MUG-06", "POT"}),
        ('"', set()),
        ('"mug', {"MUG-01", "MUG-06", "POT"}),
        ("!!!", set()),
        ("-", set()),
        ("--", set()),
        ("%", set()),
        ("mug %s %(x)s", set()),
        ("😀", set()),
        ("😀 mug", {"MUG-01", "MUG-06", "POT"}),
        ("mug —", {"MUG-01", "MUG-06", "POT"}),
        ("old", set()),  # no longer sold
        ("zebra", set()),
    ],
)
def test_words_find(signed_in, shop, text, skus):
    assert set(found(signed_in, text)) == skus
    assert Product.objects.count() == len(shop)


def test_no_words_find_everything(signed_in, shop):
    assert len(found(signed_in, "")) == len(shop) - 1
    assert len(found(signed_in, "   ")) == len(shop) - 1


def test_a_name_counts_more_than_a_description(signed_in, shop):
    assert found(signed_in, "mug")[-1] == "POT"


def test_any_order_can_be_asked_of_what_was_found(signed_in, shop):
    Product.objects.filter(sku="POT").update(price="1.00")
    Product.objects.filter(sku="MUG-01").update(price="2.00")
    assert found(signed_in, "mug", ordering="price") == ["POT", "MUG-01", "MUG-06"]


def test_a_variant_is_found_as_its_product(signed_in, shop):
    make_variant(shop["shirt"], sku="TS.9-XL", name="Children's T-shirt, extra large")
    assert found(signed_in, "extra large") == ["TS.9"]
    assert found(signed_in, "ts.9-xl") == ["TS.9"]
    Product.objects.filter(sku="TS.9-XL").update(is_active=False)
    assert found(signed_in, "extra large") == []


def test_what_was_changed_is_found_under_its_new_words_alone(signed_in, shop):
    mug = shop["mug"]
    mug.name, mug.attributes = "Green beaker", {"material": "tin"}
    mug.save()
    assert found(signed_in, "beaker tin") == ["MUG-01"]
    assert found(signed_in, "coffee") == []
    brand = shop["band"].brand
    brand.name = "Verve"
    brand.save()
    assert found(signed_in, "verve") == ["LP-7"]
    assert found(signed_in, "decca") == []


def test_an_import_of_many_is_findable_in_the_same_statements(signed_in, django_assert_num_queries):
    from tests.catalog.test_products import row

    with django_assert_num_queries(5):
        ensure_products([row(f"import{number}") for number in range(300)])
    assert ProductSearch.objects.count() == 300
    assert found(signed_in, "import299") == ["import299"]


def test_a_sale_does_not_touch_the_words(shop, django_assert_num_queries):
    before = ProductSearch.objects.extra(select={"version": "xmin::text"}).get(product=shop["mug"]).version
    Product.objects.filter(pk=shop["mug"].pk).update(stock=5)
    shop["mug"].save()
    after = ProductSearch.objects.extra(select={"version": "xmin::text"}).get(product=shop["mug"]).version
    assert before == after


def test_pages_by_relevance_hold_each_row_once(signed_in):
    for number in range(23):
        make_product(name="Mug" + " mug" * (number % 3), sku=f"M{number}")
    seen, link = [], "/catalog/products/?q=mug&limit=5"
    while link:
        page = signed_in.get(link).json()
        seen += [row["sku"] for row in page["results"]]
        link = page["next"]
    assert len(seen) == 23
    assert set(seen) == {f"M{number}" for number in range(23)}


@pytest.mark.parametrize(
    ("text", "whole", "before", "beginning", "excludes"),
    [
        ("Blue mug", "Blue mug", "Blue", "mug", False),
        ("mug", "mug", "", "mug", False),
        ("mug ", "mug", "mug", "", False),
        ("a", "a", "a", "", False),
        ("mug -re", "mug -re", "mug -re", "", True),
        ("-red mug", "-red mug", "-red", "mug", True),
        ("t-shirt", "t shirt", "t", "shirt", False),
        ('say "blue mu', 'say "blue mu', 'say "blue mu', "", False),
        ('"blue" mug', '"blue" mug', '"blue"', "mug", False),
        ("", "", "", "", False),
    ],
)
def test_terms(text, whole, before, beginning, excludes):
    terms = search_terms(text)
    assert (terms.whole, terms.before, terms.beginning, terms.excludes) == (
        whole,
        before,
        beginning,
        excludes,
    )
