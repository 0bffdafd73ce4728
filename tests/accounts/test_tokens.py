import base64
from datetime import timedelta

import jwt
import pytest
import time_machine
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.facade import issue_access_token
from tests.accounts.factories import bearer, client_of, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def me(api):
    def get(header):
        return api.get("/auth/me/", HTTP_AUTHORIZATION=header)

    return get


def assert_refused(response):
    assert response.status_code == 401
    assert response["Content-Type"] == "application/problem+json"
    assert response["WWW-Authenticate"] == "Bearer"
    assert response.json()["status"] == 401


def claims(user, **changed):
    now = int(timezone.now().timestamp())
    made = {"sub": str(user.pk), "iat": now, "exp": now + 60, "jti": "j", "typ": "access"} | changed
    return {name: value for name, value in made.items() if value is not None}


def test_one_sees_ones_own_account_and_only_that():
    make_user("other")
    user = make_user(
        "thandi", email="thandi@example.com", phone="+27821234567", first_name="Thandi", last_name="N"
    )
    body = client_of(user).get("/auth/me/").json()
    joined = body.pop("date_joined")
    assert joined == timezone.localtime(user.date_joined).isoformat()
    assert body == {
        "id": user.pk,
        "username": "thandi",
        "email": "thandi@example.com",
        "phone": "+27821234567",
        "email_verified": False,
        "phone_verified": False,
        "first_name": "Thandi",
        "last_name": "N",
        "avatar": None,
        "language": "en",
        "time_zone": "Africa/Johannesburg",
        "preferences": {},
        "is_staff": False,
    }


def test_a_token_costs_one_query(django_assert_num_queries):
    client = client_of(make_user())
    with django_assert_num_queries(1):
        assert client.get("/auth/me/").status_code == 200


def test_without_a_header_the_answer_is_401(api):
    response = api.get("/auth/me/")
    assert_refused(response)
    assert response.json()["code"] == "not_authenticated"


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "bearer x",
        "Bearer one two",
        "Bearer é",
        "Bearer \u2603",
        "Bearer \udcff",
        "Bearer \x00",
        "Bearer ..",
        "Bearer a.b.c",
        "Bearer " + "x" * 100_000,
        "Bearer " + "a" * 3000 + ".b.c",
        "Basic dXNlcjpwYXNz",
        "Token abc",
        "é",
        "Bearer\tx",
    ],
)
def test_a_header_that_is_no_token_is_401_and_never_500(me, header):
    assert_refused(me(header))


def test_a_header_of_deeply_nested_json_is_401(me):
    deep = base64.urlsafe_b64encode(b"[" * 700).rstrip(b"=").decode()
    assert_refused(me(f"Bearer {deep}.e30.x"))
    assert_refused(me(f"Bearer e30.{deep}.x"))


@pytest.mark.parametrize(
    "changed",
    [
        {"typ": "refresh"},
        {"typ": None},
        {"sub": None},
        {"sub": ""},
        {"sub": "-1"},
        {"sub": "abc"},
        {"sub": "1.0"},
        {"sub": "٣"},
        {"sub": "9" * 19},
        {"sub": "9" * 400},
        {"sub": "0"},
        {"sub": 7},
        {"sub": ["1"]},
        {"exp": None},
        {"exp": 1},
        {"exp": "soon"},
        {"exp": [1]},
        {"exp": float("inf")},
        {"iat": None},
        {"iat": "x"},
        {"iat": 99_999_999_999},
        {"jti": None},
        {"nbf": 99_999_999_999},
        {"aud": "someone else"},
    ],
    ids=str,
)
def test_a_signed_token_with_wrong_claims_is_401(me, settings, changed):
    token = jwt.encode(claims(make_user(), **changed), settings.SECRET_KEY, algorithm="HS256")
    assert_refused(me(f"Bearer {token}"))


def test_only_our_algorithm_and_our_key_count(me, settings):
    user = make_user()
    unsigned = jwt.encode(claims(user), None, algorithm="none")
    other_key = jwt.encode(claims(user), "k" * 64, algorithm="HS256")
    with pytest.warns(jwt.InsecureKeyLengthWarning):  # which is not the point here
        other_algorithm = jwt.encode(claims(user), settings.SECRET_KEY, algorithm="HS512")
    stripped = jwt.encode(claims(user), settings.SECRET_KEY, algorithm="HS256").rpartition(".")[0] + "."
    for token in (unsigned, other_key, other_algorithm, stripped):
        assert_refused(me(f"Bearer {token}"))


def test_a_token_of_somebody_unknown_or_inactive_is_401(me):
    user = make_user()
    header = bearer(user)["Authorization"]
    assert me(header).status_code == 200
    user.is_active = False
    user.save(update_fields=["is_active"])
    assert_refused(me(header))
    user.delete()
    assert_refused(me(header))


def test_a_token_counts_until_its_last_second(me):
    user, at = make_user(), timezone.now().replace(microsecond=0)
    header = f"Bearer {issue_access_token(user.pk, at=at, seconds=60)}"
    with time_machine.travel(at + timedelta(seconds=59), tick=False):
        assert me(header).status_code == 200
    with time_machine.travel(at + timedelta(seconds=60), tick=False):
        response = me(header)
    assert_refused(response)
    assert response.json()["detail"] == "The access token has expired."


def test_the_scheme_is_read_in_any_case_and_with_spaces_around_the_token():
    user = make_user()
    token = bearer(user)["Authorization"].removeprefix("Bearer ")
    client = APIClient()
    for header in (f"bearer {token}", f"BEARER  {token} "):
        assert client.get("/auth/me/", HTTP_AUTHORIZATION=header).status_code == 200


def test_swagger_offers_to_authorize_with_a_bearer_token(api):
    schema = api.get("/api/v1/schema/?format=json").json()
    scheme = schema["components"]["securitySchemes"]["bearer"]
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")
    assert schema["paths"]["/api/v1/auth/me/"]["get"]["security"] == [{"bearer": []}]
    assert schema["paths"]["/api/v1/auth/login/"]["post"].get("security", [{}]) == [{}]
