import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from drf_spectacular.generators import SchemaGenerator

from catalog.models import Product
from core import outbox
from orders.models import Order, OrderItem, OrderReturn
from orders.shop_models import WaitingReturn
from rewards.models import UserPoints
from tests.accounts.keys import shop_client
from tests.concurrency import together
from tests.orders.shop import balance, member, stocked, terms
from tests.orders.shop import order as bought

pytestmark = pytest.mark.django_db


@pytest.fixture
def till():
    return shop_client("orders:write", shop="corner")


def order(**changes):
    body = {
        "member": {"external_id": "m1"},
        "status": "delivered",
        "lines": [
            {"sku": "A", "name": "Mug", "qty": 2, "unit_price": "49.90", "discount": "9.80"},
            {"sku": "B", "name": "Tea", "qty": 1, "unit_price": "20.00"},
        ],
        "shipping": "60.00",
        "total": "170.00",
        "placed_at": "2026-03-01T10:00:00+02:00",
        "delivered_at": "2026-03-02T10:00:00+02:00",
    } | changes
    return {name: value for name, value in body.items() if value is not None}


def put(client, number="1001", **changes):
    return client.put(f"/api/v1/shop/orders/{number}/", order(**changes))


def everything():
    return [list(model.objects.values().order_by("id")) for model in (Order, OrderItem, OrderReturn)]


def test_an_order_is_201_and_then_200_with_the_same_answer(till):
    first, second = put(till), put(till)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json() == {
        "shop": "corner",
        "number": "1001",
        "status": "delivered",
        "member": {"external_id": "m1"},
        "currency": "ZAR",
        "lines": [
            {
                "position": 1, "sku": "A", "name": "Mug", "qty": 2, "unit_price": "49.90",
                "discount": "9.80", "points_value": "0.00", "returned_qty": 0,
            },
            {
                "position": 2, "sku": "B", "name": "Tea", "qty": 1, "unit_price": "20.00",
                "discount": "0.00", "points_value": "0.00", "returned_qty": 0,
            },
        ],
        "subtotal": "119.80",
        "discount": "9.80",
        "points_value": "0.00",
        "shipping": "60.00",
        "tax": "0.00",
        "total": "170.00",
        "placed_at": "2026-03-01T10:00:00+02:00",
        "paid_at": None,
        "processing_at": None,
        "shipped_at": None,
        "delivered_at": "2026-03-02T10:00:00+02:00",
        "cancelled_at": None,
    }  # fmt: skip


def test_a_delivered_order_earns_and_its_return_takes_back(till):
    put(till)
    assert outbox.drain(5)
    assert UserPoints.objects.get().current_points == 11
    answer = till.post(
        "/api/v1/shop/orders/1001/returns/", {"return_id": "R1", "lines": [{"sku": "A", "qty": 2}]}
    )
    assert answer.status_code == 201
    assert outbox.drain(5)
    assert UserPoints.objects.get().current_points == 2


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"total": "170.01"}, "invalid", "total"),
        ({"total": None}, "invalid", "total"),
        ({"subtotal": "119.81"}, "invalid", "subtotal"),
        ({"discount": "1.00"}, "invalid", "discount"),
        ({"total": "-1.00"}, "invalid", "total"),
        ({"total": "1e400"}, "invalid", "total"),
        ({"shipping": "0.001"}, "invalid", "shipping"),
        ({"currency": "USD"}, "invalid", "currency"),
        ({"status": "returned"}, "invalid", "status"),
        ({"status": "partially_returned"}, "invalid", "status"),
        ({"status": "lost"}, "invalid", "status"),
        ({"member": {}}, "invalid", "member"),
        ({"member": None}, "order_incomplete", "member"),
        ({"member": "m1"}, "invalid", "member"),
        ({"member": {"external_id": "a/b"}}, "invalid", "member.external_id"),
        ({"member": {"external_id": 7}}, "invalid", "member.external_id"),
        ({"member": {"phone": "082 123 4567"}}, "invalid", "member.phone"),
        ({"member": {"phone": "+27 82 123-4567"}}, "member_unknown", "member.phone"),
        ({"member": {"email": "who"}}, "invalid", "member.email"),
        ({"member": {"email": "who@example.com"}}, "member_unknown", "member.email"),
        ({"lines": [], "total": None, "shipping": None}, "order_incomplete", "total"),
        ({"lines": [], "shipping": "60.00"}, "invalid", "shipping"),
        ({"lines": [1]}, "invalid", "lines.0"),
        ({"lines": [{"sku": "A", "qty": 0, "unit_price": "1.00"}]}, "invalid", "lines.0.qty"),
        ({"lines": [{"sku": "A", "qty": 2**31, "unit_price": "1.00"}]}, "invalid", "lines.0.qty"),
        ({"lines": [{"sku": "", "qty": 1, "unit_price": "1.00"}]}, "invalid", "lines.0.sku"),
        ({"lines": [{"sku": "x" * 58, "qty": 1, "unit_price": "1.00"}]}, "invalid", "lines.0.sku"),
        ({"lines": [{"sku": "A\0", "qty": 1, "unit_price": "1.00"}]}, "invalid", "lines.0.sku"),
        (
            {"lines": [{"sku": "A", "qty": 1, "unit_price": "1.00", "discount": "1.01"}]},
            "invalid", "lines.0.discount",
        ),
        (
            {"lines": [{"sku": "A", "qty": 2**31 - 1, "unit_price": "9999999999.99"}]},
            "invalid", "lines.0.qty",
        ),
        ({"placed_at": "yesterday"}, "invalid", "placed_at"),
        ({"placed_at": "1066-10-14T12:00:00Z"}, "invalid", "placed_at"),
        ({"placed_at": "0001-01-01T00:00:00"}, "invalid", "placed_at"),
        ({"placed_at": "9999-12-31T23:59:59-14:00"}, "invalid", "placed_at"),
        ({"delivered_at": "2199-01-01T00:00:00Z"}, "times_disagree", "delivered_at"),
        ({"status": "shipped"}, "times_disagree", "delivered_at"),
    ],
)  # fmt: skip
def test_bad_input_is_a_400_that_names_the_field_and_stores_nothing(till, changes, code, field):
    answer = put(till, **changes)
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert field in answer.json()["errors"]
    assert everything() == [[], [], []]


@pytest.mark.parametrize("number", ["a%20b", "a%00b", "x" * 65, "%C3%A9", "%0A"])
def test_a_number_that_cannot_be_one_is_refused(till, number):
    answer = put(till, number)
    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["number"])


def test_a_lone_surrogate_is_bad_input(till):
    body = json.dumps(order(reason="\ud800", lines=[{"sku": "\udc00", "qty": 1, "unit_price": "1.00"}]))
    answer = till.put("/api/v1/shop/orders/1/", body, content_type="application/json")
    assert (answer.status_code, set(answer.json()["errors"])) == (400, {"reason", "lines.0.sku"})
    batch = json.dumps({"orders": [order(number="\ud800")]})
    answer = till.put(
        "/api/v1/shop/orders/1/", json.dumps({"status": "\ud800"}), content_type="application/json"
    )
    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["status"])
    answer = till.post("/api/v1/shop/orders/batch/", batch, content_type="application/json")
    assert (answer.status_code, answer.json()["refused"]) == (200, 1)


@pytest.mark.parametrize("body", [[], "x", 1])
def test_a_body_that_is_no_object_is_refused(till, body):
    answer = till.put("/api/v1/shop/orders/1/", body)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")


def test_a_conflict_is_a_409_that_names_the_field(till):
    put(till)
    was = everything()
    for changes, code, field in (
        ({"status": "shipped", "delivered_at": None}, "step_not_allowed", "status"),
        (
            {"lines": [{"sku": "A", "qty": 1, "unit_price": "170.00"}], "shipping": None},
            "order_fixed",
            "lines",
        ),
        ({"member": {"external_id": "m2"}}, "member_unknown", "member.external_id"),
    ):
        answer = put(till, **changes)
        assert (answer.status_code, answer.json()["code"]) == (400 if code == "member_unknown" else 409, code)
        assert list(answer.json()["errors"]) == [field]
    assert everything() == was


def test_23_a_shop_does_not_see_another_shops_order(till):
    put(till)
    other = shop_client("orders:write", shop="market")
    assert put(other).status_code == 201
    assert Order.objects.count() == 2
    answer = other.post("/api/v1/shop/orders/1002/returns/", {"return_id": "R1"})
    assert answer.status_code == 202


def test_only_a_shops_key_with_the_scope_gets_in(api):
    for client, status, code in (
        (api, 401, "not_authenticated"),
        (shop_client("members:read", shop="corner"), 403, "insufficient_scope"),
        (shop_client("orders:write", shop=None), 403, "shop_key_needed"),
    ):
        for answer in (
            put(client),
            client.post("/api/v1/shop/orders/batch/", {"orders": [order(number="1")]}),
            client.post("/api/v1/shop/orders/1/returns/", {"return_id": "R1"}),
        ):
            assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert everything() == [[], [], []]


# --- returns -----------------------------------------------------------------------------------------------


def test_a_return_answers_what_came_back(till):
    put(till)
    body = {
        "return_id": "R1",
        "reason": "broken",
        "lines": [{"position": 1, "qty": 1}, {"sku": "B", "qty": 1}],
    }
    first = till.post("/api/v1/shop/orders/1001/returns/", body)
    second = till.post("/api/v1/shop/orders/1001/returns/", body)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()
    assert {**first.json(), "at": None} == {
        "number": "1001",
        "return_id": "R1",
        "status": "applied",
        "order_status": "partially_returned",
        "lines": [{"position": 1, "sku": "A", "qty": 1}, {"position": 2, "sku": "B", "qty": 1}],
        "at": None,
    }


def test_25_a_return_before_its_order_is_a_202_and_waits(till):
    body = {"return_id": "R1", "lines": [{"sku": "A", "qty": 1}], "at": "2026-03-03T10:00:00+02:00"}
    answers = [till.post("/api/v1/shop/orders/1001/returns/", body) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].json() == {
        "number": "1001",
        "return_id": "R1",
        "status": "waiting",
        "order_status": None,
        "lines": [],
        "at": "2026-03-03T10:00:00+02:00",
    }
    put(till)
    assert outbox.drain(5)
    assert till.post("/api/v1/shop/orders/1001/returns/", body).json()["status"] == "applied"
    assert (OrderReturn.objects.count(), WaitingReturn.objects.count()) == (1, 0)
    assert UserPoints.objects.get().current_points == 6  # floor of a tenth of 45.00 + 20.00


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "return_id"),
        ({"return_id": ""}, "return_id"),
        ({"return_id": 7}, "return_id"),
        ({"return_id": "R", "lines": []}, "lines"),
        ({"return_id": "R", "lines": [{"qty": 1}]}, "lines.0.sku"),
        ({"return_id": "R", "lines": [{"sku": "A", "position": 1, "qty": 1}]}, "lines.0.sku"),
        ({"return_id": "R", "lines": [{"sku": "A", "qty": 0}]}, "lines.0.qty"),
        ({"return_id": "R", "lines": [{"sku": "Z", "qty": 1}]}, "lines.0.sku"),
        ({"return_id": "R", "lines": [{"sku": "B", "qty": 2}]}, "lines.0.qty"),
        ({"return_id": "R", "at": "2199-01-01T00:00:00Z"}, "at"),
    ],
)
def test_a_bad_return_names_the_field_and_takes_nothing_back(till, body, field):
    put(till)
    was = everything()
    answer = till.post("/api/v1/shop/orders/1001/returns/", body)
    assert answer.status_code in (400, 409)
    assert list(answer.json()["errors"]) == [field]
    assert everything() == was


# --- batches -----------------------------------------------------------------------------------------------


def test_4_each_order_of_a_batch_is_answered_by_itself(till):
    put(till, "known")
    sent = [
        order(number="1"),
        order(number="known"),
        order(number="known", total="1.00"),
        order(number="2", member=None),
        7,
        order(),
        order(number="known", status="shipped", delivered_at=None),
        order(number="3", status="paid", delivered_at=None, paid_at="2026-03-01T11:00:00+02:00"),
        order(number="3", status="delivered"),
        order(number="batch"),
    ]
    answer = till.post("/api/v1/shop/orders/batch/", {"orders": sent})
    assert answer.status_code == 200
    told = [
        (
            one["index"], one["number"], one["status"],
            one.get("problem", {}).get("code"), list(one.get("problem", {}).get("errors", {})),
        )
        for one in answer.json()["results"]
    ]  # fmt: skip
    assert told == [
        (0, "1", "created", None, []),
        (1, "known", "unchanged", None, []),
        (2, "known", "refused", "invalid", ["total"]),
        (3, "2", "refused", "order_incomplete", ["member"]),
        (4, None, "refused", "invalid", ["body"]),
        (5, None, "refused", "invalid", ["number"]),
        (6, "known", "refused", "step_not_allowed", ["status"]),
        (7, "3", "created", None, []),
        (8, "3", "updated", None, []),
        (9, "batch", "refused", "invalid", ["number"]),
    ]
    counts = {name: answer.json()[name] for name in ("created", "updated", "unchanged", "refused")}
    assert counts == {"created": 2, "updated": 1, "unchanged": 1, "refused": 6}
    assert sorted(Order.objects.values_list("number", flat=True)) == ["1", "3", "known"]


def test_a_batch_has_1_to_500_orders(till):
    for orders in ([], None, "x", {}, [{}] * 501):
        answer = till.post("/api/v1/shop/orders/batch/", {"orders": orders})
        assert (answer.status_code, list(answer.json()["errors"])) == (400, ["orders"])


def test_a_batch_may_be_larger_than_other_bodies(till):
    wide = [order(number=str(n), reason="x" * 500, note="y" * 9000) for n in range(200)]
    assert till.post("/api/v1/shop/orders/batch/", {"orders": wide}).json()["created"] == 200
    huge = [order(number=str(n), note="y" * 90_000) for n in range(100)]
    assert till.post("/api/v1/shop/orders/batch/", {"orders": huge}).status_code == 413
    assert put(till, note="y" * 1_100_000).status_code == 413


def test_six_calls_with_a_header_of_one_key_take_effect_once(till):
    headers = {"Idempotency-Key": "b1"}
    body = {"orders": [order(number="1"), order(number="2", total="1.00")]}
    answers = [till.post("/api/v1/shop/orders/batch/", body, headers=headers) for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    assert answers[1]["Idempotent-Replayed"] == "true"
    again = till.post("/api/v1/shop/orders/batch/", {"orders": [order(number="3")]}, headers=headers)
    assert again.status_code == 422
    back = {"return_id": "R1", "lines": [{"sku": "A", "qty": 1}]}
    answers = [till.post("/api/v1/shop/orders/1/returns/", back, headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]


def test_a_batch_costs_the_same_statements_for_1_and_for_300(till):
    bodies = [order(number=str(n), member={"external_id": f"m{n % 50}"}) for n in range(301)]
    till.post("/api/v1/shop/orders/batch/", {"orders": [order(number="x", member={"external_id": "x"})]})
    counts = []
    for part in (bodies[:1], bodies[1:]):
        with CaptureQueriesContext(connection) as queries:
            answer = till.post("/api/v1/shop/orders/batch/", {"orders": part})
        counts.append((len(queries), answer.json()["created"] == len(part)))
    assert counts[0] == counts[1]


# --- at once -----------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_5_one_put_twenty_times_at_once_is_one_order_and_one_answer():
    till = shop_client("orders:write", shop="corner")
    answers = together(*[lambda: put(shop_client_again(till)) for _ in range(20)])
    assert sorted(answer.status_code for answer in answers) == [200] * 19 + [201]
    assert len({answer.content for answer in answers}) == 1
    assert (Order.objects.count(), OrderItem.objects.count()) == (1, 2)


def shop_client_again(client):
    """Another client of the same key: one of its own for each thread."""
    other = type(client)()
    other.credentials(**client._credentials)
    return other


@pytest.mark.django_db(transaction=True)
def test_24_overlapping_batches_with_and_without_a_key_end_with_every_order_once():
    till = shop_client("orders:write", shop="corner")
    bodies = [order(number=f"{n:03}", member={"external_id": f"m{n % 20}"}) for n in range(60)]

    def send(step, key):
        headers = {"Idempotency-Key": key} if key else {}
        orders = {"orders": bodies[step:] + bodies[:step]}
        return shop_client_again(till).post("/api/v1/shop/orders/batch/", orders, headers=headers).json()

    answers = together(*[
        lambda step=step, key=key: send(step, key) for step in (0, 20, 40) for key in ("", f"k{step}")
    ], timeout=60)  # fmt: skip
    assert sum(answer["created"] for answer in answers) == 60
    assert sum(answer["unchanged"] for answer in answers) == 300
    assert (Order.objects.count(), OrderItem.objects.count()) == (60, 120)
    assert outbox.drain(20)
    assert sum(UserPoints.objects.values_list("current_points", flat=True)) == 60 * 11


@pytest.mark.django_db(transaction=True)
def test_24_batches_that_cancel_orders_of_the_same_members_do_not_deadlock():
    terms()
    till = shop_client("orders:write", shop="markethub")
    users, products = [member(points=10_000) for _ in range(2)], [stocked(1000) for _ in range(2)]

    def made():
        """An order by each of them."""
        return [
            bought(user, (product, 1), points=10).order for user, product in zip(users, products, strict=True)
        ]

    def cancel(orders, key):
        told = {"orders": [{"number": one.number, "status": "cancelled"} for one in orders]}
        headers = {"Idempotency-Key": key}
        return shop_client_again(till).post("/api/v1/shop/orders/batch/", told, headers=headers).json()

    for number in range(8):
        one, other = made(), made()[::-1]
        answers = together(
            lambda one=one, key=f"a{number}": cancel(one, key),
            lambda other=other, key=f"b{number}": cancel(other, key),
        )
        assert [answer["updated"] for answer in answers] == [2, 2]
    assert [balance(user) for user in users] == [10_000, 10_000]
    assert set(Product.objects.values_list("stock", flat=True)) == {1000}


# --- the schema --------------------------------------------------------------------------------------------


def test_the_schema_shows_the_key_on_the_shops_calls_alone():
    paths = SchemaGenerator().get_schema(request=None, public=True)["paths"]
    for path, methods in paths.items():
        for operation in methods.values():
            assert ({"apiKey": []} in operation.get("security", [])) == path.startswith("/api/v1/shop/"), path
    assert sorted(paths["/api/v1/shop/orders/{number}/"]["put"]["responses"]) == [
        "200", "201", "400", "401", "403", "404", "409",
    ]  # fmt: skip
