from decimal import Decimal

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from catalog.models import Category, Review
from core.models import AuditEntry
from tests.accounts.factories import make_user
from tests.catalog.factories import make_product, make_review

pytestmark = pytest.mark.django_db


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
    form = {"action": action, "_selected_action": [review.pk for review in reviews]}
    response = boss.post(reverse("admin:catalog_review_changelist"), form, follow=True)
    assert f"2 reviews {status}." in response.content.decode()
    assert list(Review.objects.values_list("status", flat=True)) == [status] * 3
    assert (
        list(AuditEntry.objects.values_list("actor", "action").order_by("id"))
        == [("staff:boss", f"review.{status}")] * 2
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
    form = {"sku": "S", "name": "M", "price": "10.00", "is_active": "on"}
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
    response = boss.post(page, {"sku": "S", "name": "N", "price": "-1", "is_active": "on"})
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
