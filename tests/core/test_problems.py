import json
import os
import subprocess
import sys

import psycopg2
import pytest
from django.conf import settings
from django.db import connection, transaction

from core.models import AuditEntry

pytestmark = [pytest.mark.urls("tests.core.urls")]

GOOD = {"id": 1, "price": "9.50", "lines": [{"sku": "a", "qty": 1}]}


def post(api, body, content_type="application/json", path="/probe/basket/"):
    return api.generic("POST", path, body if isinstance(body, bytes) else json.dumps(body), content_type)


def errors(response):
    assert response["Content-Type"] == "application/problem+json"
    problem = response.json()
    assert (response.status_code, problem["status"], problem["code"]) == (400, 400, "invalid")
    return problem["errors"]


def test_a_domain_error_is_a_problem_with_its_facts(api):
    response = api.get("/probe/raise/domain/")
    assert response["Content-Type"] == "application/problem+json"
    assert response.status_code == 409
    assert response.json() == {
        "type": "urn:markethub:problem:out_of_stock",
        "title": "Out of stock",
        "status": 409,
        "code": "out_of_stock",
        "detail": "Two are left.",
        "error": "Out of stock",
        "left": 2,
    }


@pytest.mark.parametrize(
    ("what", "status", "code"),
    [
        ("http404", 404, "not_found"),
        ("forbidden", 403, "permission_denied"),
        ("throttled", 429, "throttled"),
        ("unavailable", 500, "error"),
        ("suspicious", 400, "bad_request"),
    ],
)
def test_other_refusals_are_problems_too(api, what, status, code):
    response = api.get(f"/probe/raise/{what}/")
    assert response["Content-Type"] == "application/problem+json"
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert "secret" not in response.content.decode()


def test_a_throttled_caller_is_told_when_to_return(api):
    assert api.get("/probe/raise/throttled/")["Retry-After"] == "7"


def test_a_bug_is_a_500_problem_that_says_nothing_and_a_traceback_in_the_log(api, caplog):
    api.raise_request_exception = False
    response = api.get("/probe/raise/bug/")
    assert response["Content-Type"] == "application/problem+json"
    assert (response.status_code, response.json()["code"]) == (500, "server_error")
    assert "42" not in response.content.decode()
    (record,) = [record for record in caplog.records if record.name == "django.request"]
    assert "ZeroDivisionError" in caplog.handler.format(record)


def test_an_unknown_address_is_a_404_problem(api):
    response = api.get("/nothing/here/")
    assert (response.status_code, response.json()["code"]) == (404, "not_found")


@pytest.mark.django_db
def test_the_admin_answers_people_with_pages(client, django_user_model):
    staff = django_user_model.objects.create_superuser(username="naledi", password="x")
    client.force_login(staff)
    response = client.get("/admin/nothing/here/")
    assert (response.status_code, response["Content-Type"]) == (404, "text/html; charset=utf-8")


def test_a_wrong_method_says_which_are_right(api):
    response = api.delete("/probe/basket/")
    assert (response.status_code, response.json()["code"]) == (405, "method_not_allowed")
    assert response["Allow"] == "GET, POST, HEAD, OPTIONS"


def test_a_wrong_content_type_is_refused(api):
    response = post(api, b"a=1", "application/x-www-form-urlencoded")
    assert (response.status_code, response.json()["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"",
        b'{"id": NaN}',
        b'{"id": -Infinity}',
        b'{"id": 1e999}',
        b'"\xff\xfe"',
        b"\xff" * 100,
        b"[" * 100_000,
        b'{"id": ' + b"9" * 5000 + b"}",
    ],
    ids=["cut", "empty", "nan", "infinity", "overflow", "latin", "bytes", "deep", "digits"],
)
@pytest.mark.parametrize("charset", ["", "; charset=utf-16", "; charset=hex", "; charset=nonsense"])
def test_an_unreadable_body_is_a_400(api, body, charset):
    response = post(api, body, "application/json" + charset)
    assert response["Content-Type"] == "application/problem+json"
    assert (response.status_code, response.json()["code"]) in [(400, "malformed"), (400, "invalid")]


@pytest.mark.parametrize("body", [[], [GOOD], "text", 1, None, True])
def test_a_body_that_is_not_an_object_is_refused(api, body):
    assert errors(post(api, body)) == {"body": ["Expected an object."]}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"id": None}, {"id": ["This field may not be null."]}),
        ({"id": "x"}, {"id": ["A valid integer is required."]}),
        ({"id": 0}, {"id": ["Ensure this value is greater than or equal to 1."]}),
        ({"id": 2**63}, {"id": ["Ensure this value is less than or equal to 9223372036854775807."]}),
        ({"id": []}, {"id": ["A valid integer is required."]}),
        ({"price": "1.001"}, {"price": ["Ensure that there are no more than 2 decimal places."]}),
        ({"price": "-1"}, {"price": ["Ensure this value is greater than or equal to 0."]}),
        ({"price": "1e30"}, {"price": ["Ensure that there are no more than 12 digits in total."]}),
        ({"lines": {}}, {"lines": ['Expected a list of items but got type "dict".']}),
        ({"lines": [1]}, {"lines.0": ["Invalid data. Expected a dictionary, but got int."]}),
        (
            {"lines": [{"sku": "a", "qty": 1}, {"sku": "\0", "qty": 100}]},
            {
                "lines.1.sku": ["Null characters are not allowed."],
                "lines.1.qty": ["Ensure this value is less than or equal to 99."],
            },
        ),
        ({"id": 13}, {"body": ["Thirteen is refused as a whole."]}),
    ],
)
def test_bad_input_is_told_field_by_field(api, change, expected):
    assert errors(post(api, {**GOOD, **change})) == expected


def test_a_lone_surrogate_is_bad_input(api):
    body = json.dumps({**GOOD, "lines": [{"sku": "\ud800", "qty": 1}]}).encode()
    assert list(errors(post(api, body))) == ["lines.0.sku"]


def test_every_missing_field_is_named(api):
    assert set(errors(post(api, {}))) == {"id", "price", "lines"}


def test_unknown_members_are_left_alone(api):
    assert post(api, {**GOOD, "newer": 1}).json() == {"id": 1, "price": "9.50"}


@pytest.mark.parametrize(
    "query", ["", "limit=", "limit=x", "limit=0", "limit=11", "limit=%00", "limit=1&limit=99"]
)
def test_a_bad_query_parameter_is_named(api, query):
    assert list(errors(api.get(f"/probe/basket/?{query}"))) == ["limit"]


def test_of_a_repeated_query_parameter_the_last_counts(api):
    assert api.get("/probe/basket/?limit=99&limit=3").json() == {"limit": 3}


# --- without the database


@pytest.fixture
def broken_off():
    """End this thread's session of PostgreSQL under the feet of Django, as a restart does."""

    def end():
        connection.ensure_connection()
        other = psycopg2.connect(connection.connection.dsn)
        with other, other.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [connection.connection.get_backend_pid()])
        other.close()

    yield end
    connection.close()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("key", [{}, {"HTTP_IDEMPOTENCY_KEY": "k"}], ids=["without a key", "with a key"])
def test_a_session_that_breaks_off_is_a_503_that_says_when_to_come_again(signed_in, broken_off, key):
    broken_off()
    client = signed_in()
    client.raise_request_exception = True  # nothing that a 500 would be made of
    response = client.post("/probe/once/", {}, **key)
    assert (response.status_code, response["Retry-After"]) == (503, "2")
    assert response["Content-Type"] == "application/problem+json"
    assert response.json() == {
        "type": "urn:markethub:problem:database_away",
        "title": "Temporarily unavailable",
        "status": 503,
        "code": "database_away",
        "detail": "What was asked may have been done: ask again with the same Idempotency-Key.",
        "error": "Temporarily unavailable",
    }
    connection.close()
    assert client.post("/probe/once/", {}, **key).status_code == 201
    assert AuditEntry.objects.filter(action="once").count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_statement_that_is_wrong_is_still_a_500(api):
    api.raise_request_exception = False
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE core_auditentry RENAME COLUMN reason TO grounds")
        response = api.get("/probe/entries/")
        transaction.set_rollback(True)
    assert (response.status_code, response.json()["code"]) == (500, "server_error")


@pytest.mark.django_db(transaction=True)
def test_the_admin_without_its_database_is_a_503_for_people(client, django_user_model, broken_off):
    staff = django_user_model.objects.create_superuser(username="naledi", password="x")
    client.force_login(staff)
    client.raise_request_exception = False
    broken_off()
    response = client.get("/admin/")
    assert (response.status_code, response["Retry-After"]) == (503, "2")
    assert response.content == b"The database is away. Try again in a moment."


def test_a_server_that_cannot_be_reached_is_a_503_wherever_it_is_missed(tmp_path):
    """In a process of its own, whose database is an address where nobody listens."""
    script = (
        "import django; django.setup()\n"
        "from django.test import Client\n"
        "for path in ('/admin/login/', '/api/v1/catalog/products/', '/api/v1/rewards/earn-rules/'):\n"
        "    client = Client(raise_request_exception=False, headers={'host': 'localhost'})\n"
        "    client.cookies['sessionid'] = 'x' * 32\n"
        "    from accounts.facade import issue_access_token\n"
        "    from django.utils import timezone\n"
        "    token = issue_access_token(1, at=timezone.now(), seconds=60)\n"
        "    answer = client.get(path, headers={'Authorization': f'Bearer {token}'})\n"
        "    print(path, answer.status_code, answer.get('Retry-After'), answer['Content-Type'])\n"
    )
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        env={**os.environ, "DATABASE_URL": f"postgresql://x@{str(tmp_path).replace('/', '%2F')}/gone"},
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.stdout.splitlines() == [
        "/admin/login/ 503 2 text/plain",
        "/api/v1/catalog/products/ 503 2 application/problem+json",
        "/api/v1/rewards/earn-rules/ 503 2 application/problem+json",
    ], ran.stderr
