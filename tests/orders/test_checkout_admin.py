"""The shop's terms and return requests in the admin."""

from io import BytesIO

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from PIL import Image

from core.models import AuditEntry
from orders.checkout_models import CheckoutSettings, ReturnPicture, ReturnRequest
from orders.models import Order
from orders.services.return_requests import request_return
from tests.accounts.factories import client_of, make_user
from tests.orders.factories import line, make_order
from tests.orders.shop import D, terms

pytestmark = pytest.mark.django_db


@pytest.fixture
def boss(client):
    client.force_login(make_user("boss", is_staff=True, is_superuser=True))
    return client


@pytest.fixture
def asked(db):
    order = make_order(line(3, "20.00"), status="delivered")
    item = order.items.get().pk
    return request_return(
        user_id=order.user_id, order_id=order.pk, lines={item: 2}, reason="Broken", at=timezone.now()
    )


def png(name="p.png"):
    content = BytesIO()
    Image.new("RGB", (20, 10), "red").save(content, "PNG")
    return SimpleUploadedFile(name, content.getvalue(), content_type="image/png")


def page(asked, decision):
    return f"/admin/orders/returnrequest/{asked.pk}/decide/{decision}/"


def test_changed_terms_are_saved_and_audited(boss):
    terms()
    list_page = boss.get("/admin/orders/checkoutsettings/", follow=True)
    assert list_page.redirect_chain[-1][0] == "/admin/orders/checkoutsettings/1/change/"
    body = {
        "shipping_fee": "75.00",
        "free_shipping_from": "",
        "vat_rate": "15.50",
        "vat_included": "on",
        "minimum_subtotal": "0.00",
        "unpaid_minutes": "30",
        "quote_minutes": "15",
    }
    assert boss.post("/admin/orders/checkoutsettings/1/change/", body).status_code == 302
    stored = CheckoutSettings.objects.get()
    assert (stored.shipping_fee, stored.free_shipping_from, stored.vat_rate) == (D("75.00"), None, D("15.50"))
    entry = AuditEntry.objects.get(action="checkoutsettings.change")
    assert entry.before == {"shipping_fee": "0.00", "vat_rate": "0.00"}
    assert entry.after == {"shipping_fee": "75.00", "vat_rate": "15.50"}
    assert boss.post("/admin/orders/checkoutsettings/1/change/", body).status_code == 302
    assert AuditEntry.objects.count() == 1
    bad = boss.post("/admin/orders/checkoutsettings/1/change/", {**body, "vat_rate": "101"})
    assert bad.context["adminform"].errors == {
        "vat_rate": ["Ensure this value is less than or equal to 100."]
    }


def test_a_request_is_accepted_once_with_its_trail(boss, asked):
    shown = boss.get(f"/admin/orders/returnrequest/{asked.pk}/change/").content.decode()
    assert page(asked, "accept") in shown
    assert "Broken" in boss.get(page(asked, "accept")).content.decode()
    for _ in range(2):
        boss.post(page(asked, "accept"), {"note": "Send it"})
    asked.refresh_from_db()
    assert (asked.status, asked.note, asked.decided_by) == ("accepted", "Send it", "staff:boss")
    assert (asked.order_return.reference, asked.order_return.refund) == (f"REQ-{asked.pk}", D("40.00"))
    assert Order.objects.get().status == "partially_returned"
    assert sorted(AuditEntry.objects.values_list("action", flat=True)) == [
        "order.return",
        "return_request.accepted",
    ]
    refused = boss.post(page(asked, "refuse"), {"note": "No"}, follow=True)
    assert "This return has been decided" in refused.content.decode()


def test_a_refusal_needs_a_note_and_takes_nothing_back(boss, asked):
    again = boss.post(page(asked, "refuse"), {"note": ""})
    assert again.context["form"].errors == {"note": ["This field is required."]}
    boss.post(page(asked, "refuse"), {"note": "Worn"})
    asked.refresh_from_db()
    assert (asked.status, asked.note, asked.order_return) == ("refused", "Worn", None)
    assert Order.objects.get().status == "delivered"
    assert (
        page(asked, "accept")
        not in boss.get(f"/admin/orders/returnrequest/{asked.pk}/change/").content.decode()
    )


def test_requests_are_listed_at_one_price(boss, asked, django_assert_num_queries):
    assert boss.get("/admin/orders/returnrequest/?status=requested").status_code == 200
    with django_assert_num_queries(4) as few:
        boss.get("/admin/orders/returnrequest/")
    for _ in range(9):
        order = make_order(line(1), status="delivered")
        ReturnRequest.objects.create(order=order, reason="r")
    with django_assert_num_queries(len(few)):
        boss.get("/admin/orders/returnrequest/")


def test_who_may_not_change_decides_nothing(client, asked):
    client.force_login(make_user("clerk", is_staff=True))
    assert client.post(page(asked, "accept"), {"note": "x"}).status_code == 403
    asked.refresh_from_db()
    assert asked.status == "requested"


def test_pictures_are_added_while_staff_have_not_decided(boss, asked, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    app = client_of(asked.order.user)
    url = f"/orders/{asked.order_id}/returns/{asked.pk}/pictures/"
    added = app.post(url, {"pictures": [png(), png("two.png")]}, format="multipart")
    assert added.status_code == 201, added.data
    assert len(added.json()["pictures"]) == 2
    assert all(one["url"].endswith(".jpg") for one in added.json()["pictures"])
    too_many = app.post(url, {"pictures": [png() for _ in range(4)]}, format="multipart")
    assert (too_many.status_code, too_many.json()["code"]) == (400, "too_many_pictures")
    no_picture = SimpleUploadedFile("x.png", b"<svg/>", content_type="image/png")
    assert app.post(url, {"pictures": [no_picture]}, format="multipart").status_code == 400
    assert app.post(url, {}, format="multipart").status_code == 400
    assert client_of(make_user()).post(url, {"pictures": [png()]}, format="multipart").status_code == 404
    assert (ReturnPicture.objects.count(), len(list((tmp_path / "returns").iterdir()))) == (2, 2)
    assert "<img" in boss.get(f"/admin/orders/returnrequest/{asked.pk}/change/").content.decode()
    boss.post(page(asked, "refuse"), {"note": "Worn"})
    late = app.post(url, {"pictures": [png()]}, format="multipart")
    assert (late.status_code, late.json()["code"]) == (409, "return_decided_already")
