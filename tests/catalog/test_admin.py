from decimal import Decimal

import pytest
from django.contrib.auth.models import Permission
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.db.models.signals import pre_save
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from catalog.models import Brand, Category, Product, Review, ReviewImage, ReviewReport
from core.models import AuditEntry
from tests.accounts.factories import make_user
from tests.catalog.factories import make_brand, make_product, make_review, make_variant, picture
from tests.orders.factories import line, make_order

pytestmark = pytest.mark.django_db

# A product's form without a variant and without a picture.
FORM = {"is_active": "on", "attributes": "{}"} | {
    f"{formset}-{total}_FORMS": "0" for formset in ("variants", "images") for total in ("TOTAL", "INITIAL")
}


@pytest.fixture
def boss(client):
    client.force_login(make_user("boss", is_staff=True, is_superuser=True))
    return client


@pytest.mark.parametrize("model", ["category", "product", "review"])
def test_a_list_costs_the_same_for_one_row_and_twenty(boss, model):
    page = reverse(f"admin:catalog_{model}_changelist")
    counts = []
    for rows in (1, 20):
        for number in range(rows):
            shelf = Category.objects.create(name=f"{rows} {number}", slug=f"{rows}-{number}")
            inner = Category.objects.create(name="in", slug=f"in-{rows}-{number}", parent=shelf)
            make_review(product=make_product(category=inner))
        with CaptureQueriesContext(connection) as queries:
            assert boss.get(page).status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1]


@pytest.mark.parametrize(("action", "status"), [("approve", "approved"), ("reject", "rejected")])
def test_selected_reviews_are_moderated_with_an_audit_row_each(boss, told, action, status):
    reviews = [make_review(), make_review(), make_review(status=status)]
    form = {
        "action": action,
        "_selected_action": [review.pk for review in reviews],
        "reason": "read it",
    }
    response = boss.post(reverse("admin:catalog_review_changelist"), form, follow=True)
    assert f"2 reviews {status}." in response.content.decode()
    assert list(Review.objects.values_list("status", flat=True)) == [status] * 3
    assert (
        list(AuditEntry.objects.values_list("actor", "action", "reason").order_by("id"))
        == [("staff:boss", f"review.{status}", "read it")] * 2
    )
    assert [topic for topic, _ in told()] == [f"review.{status}"] * 2


def test_who_may_only_look_moderates_nothing(client):
    reader = make_user("reader", is_staff=True)
    reader.user_permissions.set(Permission.objects.filter(codename="view_review"))
    client.force_login(reader)
    review = make_review()
    client.post(
        reverse("admin:catalog_review_changelist"), {"action": "approve", "_selected_action": [review.pk]}
    )
    review.refresh_from_db()
    assert review.status == "pending"


def test_a_new_price_is_in_the_audit_trail_and_a_new_name_is_not(boss):
    product = make_product("10.00", sku="S", name="N")
    page = reverse("admin:catalog_product_change", args=[product.pk])
    form = FORM | {"sku": "S", "name": "M", "price": "10.00"}
    assert boss.post(page, form).status_code == 302
    assert not AuditEntry.objects.exists()
    assert boss.post(page, form | {"price": "12.50"}).status_code == 302
    product.refresh_from_db()
    assert (product.name, product.price) == ("M", Decimal("12.50"))
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.before, entry.after) == (
        "product.price",
        {"price": "10.00"},
        {"price": "12.50"},
    )


def test_a_price_below_zero_is_refused(boss):
    product = make_product("10.00", sku="S")
    page = reverse("admin:catalog_product_change", args=[product.pk])
    response = boss.post(page, FORM | {"sku": "S", "name": "N", "price": "-1"})
    assert "price" in response.context["adminform"].form.errors


def test_a_product_is_found_by_name_and_sku(boss):
    make_product(name="Blue mug", sku="B-1")
    make_product()
    for term in ("blue", "b-1"):
        page = boss.get(reverse("admin:catalog_product_changelist"), {"q": term})
        assert [product.name for product in page.context["cl"].result_list] == ["Blue mug"]


def test_a_category_completes_what_one_types(boss):
    Category.objects.create(name="Blue things", slug="blue")
    query = {"app_label": "catalog", "model_name": "product", "field_name": "category", "term": "blue"}
    found = boss.get(reverse("admin:autocomplete"), query).json()["results"]
    assert [one["text"] for one in found] == ["Blue things"]


# --- the tree, brands --------------------------------------------------------------------------------------


def test_categories_are_listed_as_a_tree(boss):
    home, art = Category.objects.create(name="Home", slug="h"), Category.objects.create(name="Art", slug="a")
    mugs = Category.objects.create(name="Mugs", slug="m", parent=home)
    Category.objects.create(name="Tin mugs", slug="t", parent=mugs)
    make_product(category=mugs)
    page = boss.get(reverse("admin:catalog_category_changelist"))
    rows = [(row.name, row.products_in) for row in page.context["cl"].result_list]
    assert rows == [("Art", 0), ("Home", 0), ("Mugs", 1), ("Tin mugs", 0)]
    assert 'padding-left: 4em">Tin mugs' in page.content.decode()
    assert art.pk
    by_slug = boss.get(reverse("admin:catalog_category_changelist"), {"o": "-2"})
    assert [row.slug for row in by_slug.context["cl"].result_list] == ["t", "m", "h", "a"]


def test_a_brand_that_has_products_is_not_deleted(boss):
    brand = make_brand("Acme")
    make_product(brand=brand)
    boss.post(reverse("admin:catalog_brand_delete", args=[brand.pk]), {"post": "yes"})
    assert Brand.objects.exists()


# --- products, variants, pictures, stock -------------------------------------------------------------------


def variant_rows(*variants, **new):
    """The variants' part of the form: those that are there, and one that is not yet."""
    rows = [
        {
            "id": one.pk,
            "name": one.name,
            "sku": one.sku,
            "price": str(one.price),
            "attributes": "{}",
            "is_active": "on",
        }
        for one in variants
    ]
    if new:
        rows.append({"attributes": "{}", "is_active": "on"} | new)
    form = {f"variants-{at}-{name}": value for at, row in enumerate(rows) for name, value in row.items()}
    return form | {"variants-TOTAL_FORMS": len(rows), "variants-INITIAL_FORMS": len(variants)}


def product_form(product, **changes):
    fields = {"sku": product.sku, "name": product.name, "price": str(product.price)}
    category = {"category": product.category_id} if product.category_id else {}
    return FORM | fields | category | changes


def test_a_variant_is_added_on_its_products_shelf(boss):
    category = Category.objects.create(name="Shirts", slug="s")
    product = make_product(category=category, brand=make_brand("Acme"))
    form = product_form(product, brand=product.brand_id)
    form |= variant_rows(name="Shirt, XL", sku="XL", price="12.00", attributes='{"size": "XL"}')
    answer = boss.post(reverse("admin:catalog_product_change", args=[product.pk]), form)
    assert answer.status_code == 302, answer.context["errors"]
    variant = product.variants.get()
    assert (variant.sku, variant.attributes, variant.category, variant.brand) == (
        "XL",
        {"size": "XL"},
        category,
        product.brand,
    )


def test_a_product_that_moves_takes_its_variants_along(boss):
    old, new = (Category.objects.create(name=name, slug=name) for name in ("old", "new"))
    product = make_product(category=old)
    variant = make_variant(product)
    form = product_form(product, category=new.pk) | variant_rows(variant)
    assert boss.post(reverse("admin:catalog_product_change", args=[product.pk]), form).status_code == 302
    variant.refresh_from_db()
    assert variant.category == new


def test_a_variants_new_price_is_in_the_audit_trail(boss):
    product = make_product()
    variant = make_variant(product, "10.00")
    form = product_form(product) | variant_rows(variant) | {"variants-0-price": "11.00"}
    assert boss.post(reverse("admin:catalog_product_change", args=[product.pk]), form).status_code == 302
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.target) == ("product.price", f"catalog.product:{variant.pk}")
    assert (entry.before, entry.after) == ({"price": "10.00"}, {"price": "11.00"})


def test_what_is_sold_while_a_form_stands_open_stays_sold(boss):
    product = make_product(stock_is_tracked=True, stock=5)
    variant = make_variant(product, stock_is_tracked=True, stock=5)
    form = product_form(product, name="New", stock_is_tracked="on", stock="5")
    form |= variant_rows(variant) | {"variants-0-name": "New too", "variants-0-stock_is_tracked": "on"}

    def sell_first(instance, **sent):
        Product.objects.filter(pk=instance.pk).update(stock=2, rating_average="4.00", rating_count=1)

    # Between the form's reading of the row and its writing.
    pre_save.connect(sell_first, sender=Product)
    try:
        page = reverse("admin:catalog_product_change", args=[product.pk])
        assert boss.post(page, form).status_code == 302
    finally:
        pre_save.disconnect(sell_first, sender=Product)
    names = Product.objects.order_by("pk").values_list("name", "stock", "rating_count")
    assert list(names) == [("New", 2, 1), ("New too", 2, 1)]


@pytest.mark.parametrize(
    "attributes", ["[]", '"x"', '{"a": {}}', '{"a": null}', '{"": 1}', '{"a": "%s"}' % ("x" * 201), "{"]
)
def test_attributes_are_flat_facts(boss, attributes):
    product = make_product()
    page = reverse("admin:catalog_product_change", args=[product.pk])
    answer = boss.post(page, product_form(product, attributes=attributes))
    assert answer.context["adminform"].form.errors
    product.refresh_from_db()
    assert product.attributes == {}


def test_a_variant_of_a_variant_is_refused(boss):
    product, other = make_product(), make_product()
    variant = make_variant(product)
    for one, of in ((other, variant), (product, other)):
        page = reverse("admin:catalog_product_change", args=[one.pk])
        form = product_form(one, variant_of=of.pk) | (variant_rows(variant) if one == product else {})
        assert "variant_of" in boss.post(page, form).context["adminform"].form.errors


def test_a_product_with_orders_or_reviews_is_not_deleted(boss):
    ordered, reviewed, free = make_product(), make_product(), make_product()
    make_order(line(product_id=ordered.pk))
    make_review(product=reviewed)
    for product in (ordered, reviewed, free):
        boss.post(reverse("admin:catalog_product_delete", args=[product.pk]), {"post": "yes"})
    assert set(Product.objects.values_list("pk", flat=True)) == {ordered.pk, reviewed.pk}


def image_row(**fields):
    row = {"position": "1", "url": "", "alt": ""} | fields
    return {f"images-0-{name}": value for name, value in row.items()} | {"images-TOTAL_FORMS": 1}


def test_a_picture_is_uploaded_and_written_anew(boss, own_media):
    product = make_product()
    page = reverse("admin:catalog_product_change", args=[product.pk])
    form = product_form(product) | image_row(file=picture(), alt="A mug")
    assert boss.post(page, form).status_code == 302
    image = product.images.get()
    with image.file.open() as stored:
        assert stored.read(3) == b"\xff\xd8\xff"
    assert f'src="/media/{image.file.name}"' in boss.get(page).content.decode()


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"file": SimpleUploadedFile("x.jpg", b"no picture")},
        {"url": "https://x.test/a.png", "file": picture()},
        {"url": "no address"},
    ],
    ids=["neither", "no picture", "both", "no address"],
)
def test_a_picture_is_an_address_or_a_real_picture(boss, fields):
    product = make_product()
    page = reverse("admin:catalog_product_change", args=[product.pk])
    answer = boss.post(page, product_form(product) | image_row(alt="x", **fields))
    assert answer.status_code == 200
    assert answer.context["inline_admin_formsets"][1].formset.errors[0]
    assert not product.images.exists()


def test_stock_is_adjusted_with_a_reason(boss):
    product = make_product(stock=3)
    page = reverse("admin:catalog_product_stock", args=[product.pk])
    assert boss.get(page).status_code == 200
    assert boss.post(page, {"change": "-2", "reason": "Two broke."}).status_code == 302
    product.refresh_from_db()
    assert (product.stock, product.stock_is_tracked) == (1, True)
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.action, entry.reason) == ("staff:boss", "product.stock", "Two broke.")
    assert (entry.before, entry.after) == ({"stock": 3}, {"stock": 1})


@pytest.mark.parametrize(
    ("change", "reason", "field"),
    [("-4", "Lost.", "change"), ("0", "Lost.", "change"), ("x", "Lost.", "change"), ("1", "", "reason")],
)
def test_an_impossible_adjustment_changes_nothing(boss, change, reason, field):
    product = make_product(stock=3)
    page = reverse("admin:catalog_product_stock", args=[product.pk])
    answer = boss.post(page, {"change": change, "reason": reason})
    assert field in answer.context["form"].errors
    product.refresh_from_db()
    assert product.stock == 3
    assert not AuditEntry.objects.exists()


# --- moderation --------------------------------------------------------------------------------------------


def test_a_rejection_needs_a_reason(boss):
    review = make_review()
    form = {"action": "reject", "_selected_action": [review.pk], "reason": " "}
    page = boss.post(reverse("admin:catalog_review_changelist"), form, follow=True)
    assert "A rejection needs a reason" in page.content.decode()
    page = reverse("admin:catalog_review_moderate", args=[review.pk, "rejected"])
    assert "reason" in boss.post(page, {"reason": ""}).context["form"].errors
    review.refresh_from_db()
    assert review.status == "pending"


@pytest.mark.parametrize("to", ["approved", "rejected"])
def test_one_review_is_moderated_from_its_page(boss, to):
    review = make_review()
    page = reverse("admin:catalog_review_moderate", args=[review.pk, to])
    assert page in boss.get(reverse("admin:catalog_review_change", args=[review.pk])).content.decode()
    assert boss.get(page).status_code == 200
    assert boss.post(page, {"reason": "Read."}).status_code == 302
    review.refresh_from_db()
    assert (review.status, review.moderated_by, review.moderation_reason) == (to, "staff:boss", "Read.")


def test_a_moderator_sees_pictures_and_reports_and_dismisses_them(boss):
    review = make_review(status="approved")
    ReviewImage.objects.create(review=review, file="reviews/one.jpg", width=1, height=1)
    reports = [
        ReviewReport.objects.create(review=review, user=make_user(), reason="spam", note="<b>Ad</b>")
        for _ in range(2)
    ]
    make_review()
    changelist = reverse("admin:catalog_review_changelist")
    page = boss.get(changelist, {"reported": "open"})
    assert [row.pk for row in page.context["cl"].result_list] == [review.pk]
    assert page.context["cl"].result_list[0].reported == len(reports)
    shown = boss.get(reverse("admin:catalog_review_change", args=[review.pk])).content.decode()
    assert "/media/reviews/one.jpg" in shown
    assert "&lt;b&gt;Ad" in shown
    boss.post(changelist, {"action": "dismiss", "_selected_action": [review.pk], "reason": "Fine."})
    assert not ReviewReport.objects.filter(settled_at=None).exists()
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.reason) == ("review.reports_dismissed", "Fine.")
    assert list(boss.get(changelist, {"reported": "open"}).context["cl"].result_list) == []


def test_who_may_only_look_gets_neither_page(client):
    reader = make_user("looker", is_staff=True)
    reader.user_permissions.set(Permission.objects.filter(codename__in=["view_review", "view_product"]))
    client.force_login(reader)
    review = make_review()
    for page in (
        reverse("admin:catalog_review_moderate", args=[review.pk, "approved"]),
        reverse("admin:catalog_product_stock", args=[review.product_id]),
    ):
        assert client.post(page, {"change": "1", "reason": "x"}).status_code == 403


@pytest.mark.django_db(transaction=True)
def test_a_picture_that_is_replaced_or_deleted_leaves_no_file(boss, own_media):
    product = make_product()
    page = reverse("admin:catalog_product_change", args=[product.pk])

    def send(**fields):
        image = product.images.first()
        form = image_row(**fields) | ({"images-0-id": image.pk, "images-INITIAL_FORMS": 1} if image else {})
        assert boss.post(page, product_form(product) | form).status_code == 302
        return [path.name for path in own_media.rglob("*.jpg")]

    first = send(file=picture())
    second = send(file=picture())
    assert len(first) == len(second) == 1
    assert first != second
    assert send(alt="Changed in nothing else.") == second
    assert send(DELETE="on") == []
    assert len(send(file=picture())) == 1
    boss.post(reverse("admin:catalog_product_delete", args=[product.pk]), {"post": "yes"})
    assert not Product.objects.exists()
    assert list(own_media.rglob("*.jpg")) == []
