"""Whatever is sent, the answer is a 4xx problem that names the field, and nothing changes."""

import json

import pytest
from django.db import connection

from core.models import IdempotentResponse
from rewards.models import PointsTransaction, UserPoints, UserVoucher

pytestmark = pytest.mark.django_db

PLAIN = {"redemption_option_id": "voucher-10", "points_to_redeem": 100}
HUGE = 10**400
WRONG_POINTS = [None, "many", "", [], {}, True, -1, 1.5, HUGE, 2**63, "1e3", "\u0661\u0660x", "\ud800"]
WRONG_OPTIONS = [None, "", 5.5, [], {}, True, "x" * 51, "a\x00b", "\ud800"]


@pytest.fixture
def untouched(member):
    """Prove after the test that its calls left the ledger as it was."""
    UserPoints.objects.create(user=member, current_points=500)
    yield
    assert list(UserPoints.objects.values_list("current_points", "lifetime_points")) == [(500, 500)]
    assert PointsTransaction.objects.count() == 1
    assert UserVoucher.objects.count() == 0
    assert IdempotentResponse.objects.count() == 0


def refused(answer, status, *fields):
    assert answer.status_code == status, answer.content[:300]
    assert answer["Content-Type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == status
    assert body["error"]
    assert set(body.get("errors", {})) == set(fields)


def send(client, path, body, content_type="application/json", **headers):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.generic("POST", path, content, content_type=content_type, **headers)


@pytest.mark.parametrize("wrong", WRONG_POINTS, ids=ascii)
def test_wrong_points_are_refused(signed_in, untouched, wrong):
    body = {**PLAIN, "points_to_redeem": wrong}
    refused(send(signed_in, "/rewards/redeem/", body), 400, "points_to_redeem")


@pytest.mark.parametrize("wrong", WRONG_OPTIONS, ids=ascii)
def test_a_wrong_option_is_refused(signed_in, untouched, wrong):
    body = {**PLAIN, "redemption_option_id": wrong}
    refused(send(signed_in, "/rewards/redeem/", body), 400, "redemption_option_id")


def test_every_missing_field_is_named(signed_in, untouched):
    refused(send(signed_in, "/rewards/redeem/", {}), 400, "redemption_option_id", "points_to_redeem")
    refused(send(signed_in, "/rewards/validate-voucher/", {}), 400, "code")


@pytest.mark.parametrize("body", [[], "text", 5, None, [PLAIN]], ids=ascii)
def test_a_body_that_is_no_object_is_refused(signed_in, untouched, body):
    refused(send(signed_in, "/rewards/redeem/", body), 400, "body")


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"\xff\xfe", '{"points_to_redeem": "\xe9"}'.encode("latin-1"), b"NaN", b"[" * 100_000],
    ids=["empty", "cut", "bytes", "latin-1", "nan", "deep"],
)
def test_a_body_that_is_no_json_is_refused(signed_in, untouched, raw):
    answer = send(signed_in, "/rewards/redeem/", raw)
    assert 400 <= answer.status_code < 500
    assert answer["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("path", ["/rewards/redeem/", "/rewards/validate-voucher/", "/auth/login/"])
def test_ten_megabytes_are_refused_unread(signed_in, untouched, path):
    refused(send(signed_in, path, b'{"a": "' + b"x" * 10_000_000 + b'"}'), 413)


@pytest.mark.parametrize("content_type", ["text/plain", "application/xml", "multipart/form-data", "nonsense"])
def test_another_content_type_is_refused(signed_in, untouched, content_type):
    refused(send(signed_in, "/rewards/redeem/", json.dumps(PLAIN).encode(), content_type), 415)


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete"])
def test_another_method_is_refused(signed_in, untouched, method):
    refused(getattr(signed_in, method)("/rewards/redeem/"), 405)


@pytest.mark.parametrize("key", ["", " ", "x" * 256, "tab\tbed", "na\xefve"], ids=ascii)
def test_a_wrong_idempotency_key_is_refused(signed_in, untouched, key):
    answer = send(signed_in, "/rewards/redeem/", PLAIN, HTTP_IDEMPOTENCY_KEY=key)
    refused(answer, 400, "Idempotency-Key")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("balance/?as_of=yesterday", "as_of"),
        ("balance/?as_of=0001-01-01T00:00:00%2B14:00", "as_of"),
        ("balance/?as_of=9999-12-31T23:59:59", "as_of"),
        ("balance/?as_of=2026-13-01", "as_of"),
        ("balance/?as_of=%00", "as_of"),
        ("balance/?as_of=%ff", "as_of"),
        ("vouchers/?status=lost", "status"),
        ("vouchers/?status=%00", "status"),
        ("transactions/?type=gift", "type"),
        ("transactions/?since=x", "since"),
        ("transactions/?before=2026-02-30", "before"),
        ("transactions/?limit=0", "limit"),
        ("transactions/?limit=-5", "limit"),
        ("transactions/?limit=many", "limit"),
        ("transactions/?cursor=forged", "cursor"),
        ("transactions/?cursor=%ff%00", "cursor"),
    ],
)
def test_a_wrong_query_names_its_parameter(signed_in, untouched, query, field):
    refused(signed_in.get(f"/rewards/{query}"), 400, field)


@pytest.mark.parametrize("pk", ["0", "-1", "x", "9" * 30, "%00", "1%20", "1.0"])
def test_a_line_that_cant_be_is_not_found(signed_in, untouched, pk):
    refused(signed_in.get(f"/rewards/transactions/{pk}/"), 404)


@pytest.mark.parametrize("total", ["-1", "x", "1.234", "NaN", "Infinity", HUGE, [], None], ids=ascii)
def test_a_wrong_order_total_is_refused(signed_in, untouched, total):
    body = {"code": "ABC", "order_total": total}
    refused(send(signed_in, "/rewards/validate-voucher/", body), 400, "order_total")


@pytest.mark.parametrize("code", [None, "", "x" * 21, "a\x00", [], {}, "\ud800"], ids=ascii)
def test_a_wrong_code_is_refused(signed_in, untouched, code):
    refused(send(signed_in, "/rewards/validate-voucher/", {"code": code}), 400, "code")


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", "Bearer x.y.z", "Basic YTpi", "Bearer \xe9", "Bearer " + "x" * 9000, "Bearer a b"],
    ids=ascii,
)
def test_a_wrong_token_is_a_401(api, untouched, authorization):
    answer = api.get("/rewards/balance/", headers={"Authorization": authorization})
    refused(answer, 401)
    with connection.cursor() as cursor:  # the connection is whole: nothing broke it on the way
        cursor.execute("SELECT 1")
