"""Checkout and the member's orders through HTTP."""

from datetime import timedelta

import pytest
from django.utils import timezone

from catalog.models import Product
from core.contracts import SYSTEM
from core.errors import DomainError
from orders.models import Order
from orders.services.return_requests import accept_return_request, refuse_return_request
from orders.services.returns import return_lines
from orders.services.steps import move_order
from rewards.models import UserPoints
from tests.accounts.factories import client_of
from tests.catalog.factories import make_product
from tests.orders.factories import line as line_of
from tests.orders.factories import make_order
from tests.orders.shop import D, balance, member, stocked, terms, voucher

pytestmark = pytest.mark.django_db

NOW = timezone.now


@pytest.fixture(autouse=True)
def plain_terms(db):
    terms(shipping_fee=D("60.00"), free_shipping_from=D("500.00"), vat_rate=D("15.00"))


@pytest.fixture
def user(db):
    return member(points=500)


@pytest.fixture
def app(user):
    return client_of(user)


def line(product, qty=1):
    return {"product_id": product.pk, "qty": qty}


def deliver(order_id):
    for to in ("paid", "processing", "shipped", "delivered"):
        move_order(order_id=order_id, to=to, actor=SYSTEM, at=NOW())


def test_from_basket_to_order(user, app):
    mug, hat = stocked(5, "100.00"), make_product("15.00", name="Hat", sku="HAT")
    code = voucher(user, "10.00", until=NOW() + timedelta(days=1))
    body = {"lines": [line(mug, 1), line(hat, 1)], "voucher_code": f" {code.lower()} ", "points": 50}
    quoted = app.post("/api/v1/orders/quote/", body)
    assert quoted.status_code == 200, quoted.data
    told = quoted.json()
    token = told.pop("quote_token")
    assert told.pop("expires_at") > NOW().isoformat()[:19]
    assert told == {
        "subtotal": "115.00",
        "discount": "10.00",
        "voucher_code": code,
        "voucher_discount": "10.00",
        "points_used": 50,
        "points_value": "5.00",
        "shipping": "60.00",
        "tax": "20.87",
        "tax_included": True,
        "total": "160.00",
        "lines": [
            {
                "product_id": mug.pk,
                "sku": mug.sku,
                "name": mug.name,
                "qty": 1,
                "unit_price": "100.00",
                "line_total": "100.00",
                "discount": "8.70",
                "points_value": "4.35",
                "tax": "11.34",
                "shares": [
                    {"kind": "voucher", "code": code, "amount": "8.70"},
                    {"kind": "points", "code": "", "amount": "4.35"},
                ],
            },
            {
                "product_id": hat.pk,
                "sku": "HAT",
                "name": "Hat",
                "qty": 1,
                "unit_price": "15.00",
                "line_total": "15.00",
                "discount": "1.30",
                "points_value": "0.65",
                "tax": "1.70",
                "shares": [
                    {"kind": "voucher", "code": code, "amount": "1.30"},
                    {"kind": "points", "code": "", "amount": "0.65"},
                ],
            },
        ],
        "applied": [
            {"kind": "voucher", "code": code, "amount": "10.00", "label": "Discount voucher"},
            {"kind": "points", "code": "", "amount": "5.00", "label": "Points"},
        ],
    }
    assert (Order.objects.count(), balance(user)) == (0, 500)

    headers = {"HTTP_IDEMPOTENCY_KEY": "tap-1"}
    placed = app.post("/orders/", {"quote_token": token}, **headers)
    assert placed.status_code == 201, placed.data
    made = placed.json()
    assert (made["status"], made["total"], made["points_used"]) == ("pending", "160.00", 50)
    assert [one["line_total"] for one in made["lines"]] == ["100.00", "15.00"]
    assert [one["discount"] for one in made["lines"]] == ["8.70", "1.30"]
    assert made["pay_by"] is not None
    again = app.post("/orders/", {"quote_token": token}, **headers)
    assert (again.status_code, again.json(), again["Idempotent-Replayed"]) == (201, made, "true")
    assert balance(user) == 450

    detail = app.get(f"/api/v1/orders/{made['id']}/").json()
    assert {name: detail[name] for name in made} == made
    assert [step["status"] for step in detail["steps"]] == ["pending"]
    assert detail["returns"] == []


def test_an_order_from_lines_costs_the_catalogues_price_whatever_was_sent(app):
    mug = make_product("100.00")
    sent = {"product_id": mug.pk, "qty": 2, "unit_price": "0.01", "discount": "99.00"}
    made = app.post("/orders/", {"lines": [sent, line(mug)], "total": "1.00"})
    assert made.status_code == 201
    assert (made.data["subtotal"], made.data["total"]) == ("300.00", "360.00")
    assert [(one["qty"], one["unit_price"]) for one in made.data["lines"]] == [(3, "100.00")]


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"lines"}),
        ({"lines": []}, {"lines"}),
        ({"lines": "x"}, {"lines"}),
        ({"lines": [{"product_id": 1}]}, {"lines.0.qty"}),
        ({"lines": [{"product_id": 1, "qty": 0}]}, {"lines.0.qty"}),
        ({"lines": [{"product_id": 1, "qty": 1001}]}, {"lines.0.qty"}),
        ({"lines": [{"product_id": 1, "qty": True}]}, {"lines.0.qty"}),
        ({"lines": [{"product_id": 2**63, "qty": 1}]}, {"lines.0.product_id"}),
        ({"lines": [{"product_id": 1, "qty": 1}] * 101}, {"lines"}),
        ({"lines": [{"product_id": 1, "qty": 1}], "points": -1}, {"points"}),
        ({"lines": [{"product_id": 1, "qty": 1}], "points": 2**31}, {"points"}),
        ({"lines": [{"product_id": 1, "qty": 1}], "voucher_code": 5}, {"voucher_code"}),
        ({"lines": [{"product_id": 1, "qty": 1}], "voucher_code": "X" * 21}, {"voucher_code"}),
    ],
    ids=str,
)
def test_a_wrong_basket_is_refused_by_field(app, body, fields):
    answer = app.post("/orders/quote/", body)
    assert (answer.status_code, set(answer.json()["errors"])) == (400, fields)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"lines": [{"product_id": 1, "qty": 1}], "quote_token": "x"},
        {"quote_token": "x", "points": 5},
        {"quote_token": 5},
    ],
    ids=str,
)
def test_an_order_is_of_lines_or_of_a_quote(app, body):
    answer = app.post("/orders/", body)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert Order.objects.count() == 0


def test_refusals_name_what_is_wrong(user, app):
    mug, few = make_product("10.00"), stocked(1)
    terms(minimum_subtotal=D("5.00"))
    cheap = make_product("1.00")
    idle = make_product("10.00", is_active=False)
    for body, status, code, facts in [
        ({"lines": [line(mug)], "points": 501}, 400, "insufficient_points", {"field": "points"}),
        ({"lines": [line(mug)], "voucher_code": "NONE"}, 400, "unknown_voucher", {"field": "voucher_code"}),
        ({"lines": [line(few, 2)]}, 409, "out_of_stock", {}),
        ({"lines": [line(cheap)]}, 409, "below_minimum_order", {"minimum_subtotal": "5.00"}),
        ({"lines": [line(idle)]}, 409, "products_not_for_sale", {"product_ids": [idle.pk]}),
        ({"lines": [{"product_id": 10**9, "qty": 1}]}, 400, "unknown_products", {"product_ids": [10**9]}),
    ]:
        for url in ("/orders/quote/", "/orders/"):
            answer = app.post(url, body)
            told = answer.json()
            assert (answer.status_code, told["code"]) == (status, code), (url, told)
            assert {name: told[name] for name in facts} == facts
    assert (Order.objects.count(), balance(user)) == (0, 500)


def test_a_changed_quote_is_409_and_says_what_changed(app):
    mug = make_product("100.00")
    token = app.post("/orders/quote/", {"lines": [line(mug)]}).json()["quote_token"]
    Product.objects.update(price=D("101.00"))
    answer = app.post("/orders/", {"quote_token": token})
    assert (answer.status_code, answer.json()["code"]) == (409, "quote_changed")
    assert {"field": "total", "was": "160.00", "now": "161.00"} in answer.json()["changes"]


def test_the_list_is_the_members_own_in_pages_and_by_status(user, app, django_assert_num_queries):
    mug = make_product("1.00")
    ids = [app.post("/orders/", {"lines": [line(mug)]}).data["id"] for _ in range(12)]
    client_of(member()).post("/orders/", {"lines": [line(mug)]})
    app.post(f"/orders/{ids[0]}/cancel/", {})
    first = app.get("/orders/?limit=10").json()
    assert [one["id"] for one in first["results"]] == ids[:1:-1]
    second = app.get(first["next"]).json()
    assert ([one["id"] for one in second["results"]], second["next"]) == (ids[1::-1], None)
    assert [one["id"] for one in app.get("/orders/?status=cancelled").json()["results"]] == ids[:1]
    assert app.get("/orders/?status=lost").status_code == 400
    for limit in (1, 10):
        with django_assert_num_queries(2):  # the caller, the page
            app.get(f"/orders/?limit={limit}")


def test_one_order_costs_the_same_for_one_line_and_twenty(app, django_assert_num_queries):
    for number in (1, 20):
        lines = [line(make_product("1.00")) for _ in range(number)]
        order_id = app.post("/orders/", {"lines": lines}).data["id"]
        with django_assert_num_queries(5):  # the caller, the order, lines, steps, returns
            app.get(f"/orders/{order_id}/")


def test_23_another_members_order_is_404_everywhere(app):
    order_id = app.post("/orders/", {"lines": [line(make_product("1.00"))]}).data["id"]
    other = client_of(member())
    for target in (order_id, 10**30):
        assert other.get(f"/orders/{target}/").status_code == 404
        assert other.post(f"/orders/{target}/cancel/", {}).status_code == 404
        assert other.get(f"/orders/{target}/returns/").status_code == 404
        wanted = {"lines": [{"line_id": 1, "qty": 1}], "reason": "r"}
        assert other.post(f"/orders/{target}/returns/", wanted).status_code == 404
    assert Order.objects.get().status == "pending"


def test_who_is_not_signed_in_gets_401(api):
    for method, url in [("get", "/orders/"), ("post", "/orders/"), ("post", "/orders/quote/")]:
        assert getattr(api, method)(url).status_code == 401


def test_a_member_cancels(user, app):
    order_id = app.post("/orders/", {"lines": [line(make_product("10.00"))], "points": 100}).data["id"]
    assert balance(user) == 400
    answer = app.post(f"/orders/{order_id}/cancel/", {"reason": "Changed my mind"})
    assert (answer.status_code, answer.json()["status"], balance(user)) == (200, "cancelled", 500)
    assert Order.objects.get().steps.last().reason == "Changed my mind"
    assert app.post(f"/orders/{order_id}/cancel/", {}).status_code == 200
    later = app.post("/orders/", {"lines": [line(make_product("10.00"))]}).data["id"]
    deliver(later)
    refused = app.post(f"/orders/{later}/cancel/", {})
    assert (refused.status_code, refused.json()["code"]) == (409, "too_late_to_cancel")


def test_a_return_is_asked_for_and_accepted(user, app):
    made = app.post("/orders/", {"lines": [line(make_product("100.00"), 2)], "points": 100}).data
    wanted = {"lines": [{"line_id": made["lines"][0]["id"], "qty": 1}], "reason": "Too small"}
    url = f"/orders/{made['id']}/returns/"
    early = app.post(url, wanted)
    assert (early.status_code, early.json()["code"]) == (409, "order_not_returnable")
    deliver(made["id"])
    asked = app.post(url, wanted)
    assert asked.status_code == 201, asked.data
    assert (asked.data["status"], asked.data["lines"][0]["qty"]) == ("requested", 1)
    twice = app.post(url, wanted)
    assert (twice.status_code, twice.json()["code"]) == (409, "return_asked_already")

    for _ in range(2):
        accept_return_request(request_id=asked.data["id"], actor=SYSTEM, at=NOW(), note="Send it")
    (listed,) = app.get(url).json()
    assert (listed["status"], listed["note"]) == ("accepted", "Send it")
    detail = app.get(f"/orders/{made['id']}/").json()
    assert (detail["status"], detail["lines"][0]["returned_qty"]) == ("partially_returned", 1)
    (back,) = detail["returns"]
    assert (back["refund"], back["points_back"], back["lines"][0]["qty"]) == ("95.00", 50, 1)
    assert UserPoints.objects.get(user=user).current_points == 450


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        ([{"line_id": 10**9, "qty": 1}], "line_not_in_order"),
        ([{"line_id": None, "qty": 3}], "return_beyond_bought"),
        ([{"line_id": None, "qty": 1}, {"line_id": None, "qty": 2}], "return_beyond_bought"),
    ],
)
def test_a_return_that_cannot_be_is_refused(app, lines, code):
    made = app.post("/orders/", {"lines": [line(make_product("100.00"), 2)]}).data
    deliver(made["id"])
    own = made["lines"][0]["id"]
    wanted = [{**one, "line_id": one["line_id"] or own} for one in lines]
    answer = app.post(f"/orders/{made['id']}/returns/", {"lines": wanted, "reason": "r"})
    assert answer.json()["code"] == code
    assert app.get(f"/orders/{made['id']}/returns/").json() == []


def test_a_refused_return_can_be_asked_for_again_and_goods_that_came_back_meanwhile_cannot(app):
    made = app.post("/orders/", {"lines": [line(make_product("100.00"), 1)]}).data
    deliver(made["id"])
    wanted = {"lines": [{"line_id": made["lines"][0]["id"], "qty": 1}], "reason": "r"}
    url = f"/orders/{made['id']}/returns/"
    first = app.post(url, wanted).data["id"]
    refuse_return_request(request_id=first, actor=SYSTEM, at=NOW(), note="Worn")
    second = app.post(url, wanted).data["id"]
    return_lines(
        order_id=made["id"],
        reference="CN",
        lines={made["lines"][0]["id"]: 1},
        actor=SYSTEM,
        at=NOW(),
    )
    with pytest.raises(DomainError):
        accept_return_request(request_id=second, actor=SYSTEM, at=NOW())
    assert [one["status"] for one in app.get(url).json()] == ["requested", "refused"]


def test_what_another_shop_sold_is_cancelled_and_taken_back_by_that_shop(user, app):
    sold = make_order(line_of(), user=user, shop="corner", status="delivered")
    body = {"lines": [{"line_id": sold.items.get().pk, "qty": 1}], "reason": "broken"}
    for call, sent in (("cancel", {}), ("returns", body)):
        refused = app.post(f"/orders/{sold.pk}/{call}/", sent)
        assert (refused.status_code, refused.json()["code"]) == (409, "another_shops_order")
    return_lines(order_id=sold.pk, reference="CN-1", lines={sold.items.get().pk: 1}, actor=SYSTEM, at=NOW())
    assert app.get(f"/orders/{sold.pk}/").json()["returns"][0]["refund"] is None
