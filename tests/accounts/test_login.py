import hashlib
from datetime import timedelta

import jwt
import pytest
import time_machine
from django.contrib.auth import hashers
from django.utils import timezone

from accounts.models import RefreshToken
from tests.accounts.factories import make_user

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("quick_hasher")]

PASSWORD = "a long enough phrase"


def login(api, **body):
    return api.post("/auth/login/", body)


def assert_refused(response):
    assert response.status_code == 401
    assert response["Content-Type"] == "application/problem+json"
    assert response["WWW-Authenticate"] == "Bearer"
    body = response.json()
    assert (body["code"], body["status"]) == ("invalid_credentials", 401)
    assert body["error"] == "Wrong name or password"
    assert RefreshToken.objects.count() == 0


@pytest.mark.parametrize("path", ["/auth/login/", "/api/v1/auth/login/"])
def test_a_member_signs_in_at_either_address(api, path):
    user = make_user("thandi", password=PASSWORD)
    response = api.post(path, {"username": "thandi", "password": PASSWORD})
    assert response.status_code == 200
    body = response.json()
    assert set(body) == {"access", "refresh", "expires_in"}
    assert body["expires_in"] == 900
    assert response["Cache-Control"] == "no-store"
    me = api.get("/auth/me/", headers={"Authorization": f"Bearer {body['access']}"})
    assert me.json()["id"] == user.pk


@pytest.mark.parametrize("name", ["thandi@example.com", "THANDI@Example.COM", " thandi@example.com "])
def test_an_email_in_any_case_signs_in(api, name):
    make_user("thandi", email="Thandi@example.com", password=PASSWORD)
    assert login(api, username=name, password=PASSWORD).status_code == 200
    assert login(api, email=name, password=PASSWORD).status_code == 200


def test_the_refresh_token_is_kept_only_as_its_hash_for_thirty_days(api):
    user = make_user("thandi", password=PASSWORD)
    at = timezone.now()
    with time_machine.travel(at, tick=False):
        refresh = login(api, username="thandi", password=PASSWORD).json()["refresh"]
    row = RefreshToken.objects.get()
    assert row.hash == hashlib.sha256(refresh.encode()).hexdigest()
    assert (row.user_id, row.used_at, row.revoked_at) == (user.pk, None, None)
    assert row.expires_at == at + timedelta(days=30)
    user.refresh_from_db()
    assert user.last_login == at


def test_every_sign_in_begins_a_family_of_its_own(api):
    make_user("thandi", password=PASSWORD)
    tokens = {login(api, username="thandi", password=PASSWORD).json()["refresh"] for _ in range(2)}
    assert len(tokens) == 2
    assert RefreshToken.objects.values("family").distinct().count() == 2


def test_the_access_token_carries_what_it_must_and_lasts_a_quarter_of_an_hour(api, settings):
    user = make_user("thandi", password=PASSWORD)
    access = login(api, username="thandi", password=PASSWORD).json()["access"]
    claims = jwt.decode(access, settings.SECRET_KEY, algorithms=["HS256"])
    assert set(claims) == {"sub", "iat", "exp", "jti", "typ", "sid"}
    assert (claims["sub"], claims["typ"]) == (str(user.pk), "access")
    assert claims["exp"] - claims["iat"] == 900


@pytest.mark.parametrize(
    ("name", "password"),
    [("nobody", PASSWORD), ("thandi", "wrong"), ("thandi", f"{PASSWORD} "), ("t@example.org", PASSWORD)],
)
def test_a_wrong_name_and_a_wrong_password_get_the_same_answer(api, name, password):
    make_user("thandi", email="thandi@example.com", password=PASSWORD)
    assert_refused(login(api, username=name, password=password))


def test_an_inactive_member_does_not_get_in(api):
    make_user("thandi", password=PASSWORD, is_active=False)
    assert_refused(login(api, username="thandi", password=PASSWORD))


def test_a_member_without_a_password_does_not_get_in(api):
    user = make_user("imported")
    assert_refused(login(api, username="imported", password=user.password))


def test_an_unknown_name_costs_as_many_password_hashes_as_a_known_one(api, monkeypatch):
    make_user("thandi", password=PASSWORD)
    make_user("off", password=PASSWORD, is_active=False)
    make_user("imported")
    hashed = []
    original = hashers.MD5PasswordHasher.encode
    monkeypatch.setattr(
        hashers.MD5PasswordHasher,
        "encode",
        lambda self, password, salt: hashed.append(password) or original(self, password, salt),
    )
    work = {}
    for name in ("thandi", "off", "imported", "nobody"):
        hashed.clear()
        assert_refused(login(api, username=name, password="wrong"))
        work[name] = len(hashed)
    assert work == {"thandi": 1, "off": 1, "imported": 1, "nobody": 1}


def test_an_email_that_equals_anothers_username_never_opens_the_wrong_account(api):
    make_user("thandi@example.com", password="the name's owner")
    make_user("sipho", email="thandi@example.com", password="the e-mail's owner")
    named = login(api, username="thandi@example.com", password="the name's owner").json()["access"]
    me = api.get("/auth/me/", headers={"Authorization": f"Bearer {named}"}).json()
    assert me["username"] == "thandi@example.com"
    RefreshToken.objects.all().delete()
    assert_refused(login(api, username="thandi@example.com", password="the e-mail's owner"))
    assert login(api, username="sipho", password="the e-mail's owner").status_code == 200


def test_a_stale_token_in_the_header_keeps_nobody_from_signing_in(api):
    make_user("thandi", password=PASSWORD)
    api.credentials(HTTP_AUTHORIZATION="Bearer stale")
    assert login(api, username="thandi", password=PASSWORD).status_code == 200


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "password"),
        ({"password": "x"}, "username"),
        ({"username": "x"}, "password"),
        ({"username": None, "password": "x"}, "username"),
        ({"username": ["x"], "password": "x"}, "username"),
        ({"username": {"$ne": ""}, "password": "x"}, "username"),
        ({"username": "x\u0000y", "password": "x"}, "username"),
        ({"username": "x", "password": "x\u0000y"}, "password"),
        ({"username": "x" * 255, "password": "x"}, "username"),
        ({"username": "x", "password": "x" * 1025}, "password"),
        ({"username": "", "password": "x"}, "username"),
        ({"username": "x", "password": 1.5e3, "email": []}, "email"),
        ([], "body"),
        ("thandi", "body"),
    ],
)
def test_bad_input_is_refused_by_the_field(api, body, field):
    response = api.post("/auth/login/", body, format="json")
    assert response.status_code == 400
    assert response.json()["code"] == "invalid"
    assert field in response.json()["errors"]


@pytest.mark.parametrize(
    "raw",
    [
        b'{"username": "\\ud800", "password": "x"}',
        b'{"username": "x", "password": "\\udfff"}',
        b"\xff\xfe",
        b"{",
        b"",
        b"null",
        b'{"username": "x", "password": ' + b"[" * 2000,
    ],
)
def test_a_body_that_is_no_text_is_a_400(api, raw):
    response = api.post("/auth/login/", raw, content_type="application/json")
    assert response.status_code == 400
    assert response["Content-Type"] == "application/problem+json"


def test_a_body_of_another_type_is_a_415(api):
    response = api.post("/auth/login/", "username=x", content_type="application/x-www-form-urlencoded")
    assert response.status_code == 415


def test_the_schema_names_the_refusal(api):
    schema = api.get("/api/v1/schema/?format=json").json()
    answers = schema["paths"]["/api/v1/auth/login/"]["post"]["responses"]
    assert "`invalid_credentials`" in answers["401"]["description"]
