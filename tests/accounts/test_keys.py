import hashlib
import re
from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth.models import Permission
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import ApiKey
from accounts.scopes import known_scopes, register_scope
from accounts.services.keys import UnknownScope, make_key, revoke_key
from core.contracts import SYSTEM
from core.models import AuditEntry
from tests.accounts.factories import bearer, make_user

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.accounts.urls")]


def new_key(name="Shop", scopes=("members:read", "points:write"), **fields):
    return make_key(name=name, scopes=scopes, actor=SYSTEM, at=timezone.now(), **fields)


def call(key, method="get", path="/probe/shop/", **extra):
    return getattr(APIClient(), method)(path, HTTP_AUTHORIZATION=f"Api-Key {key}", **extra)


def assert_problem(response, status, code):
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert response["Content-Type"] == "application/problem+json"


def test_a_key_lets_its_shop_in_with_one_query(django_assert_num_queries):
    made = new_key(shop="corner")
    with django_assert_num_queries(2):  # the second, once a minute, says that it is in use
        response = call(made.key)
    assert (response.status_code, response.json()) == (
        200,
        {"shop": "corner", "caller": f"key:{made.row.pk}"},
    )
    with django_assert_num_queries(1):
        assert call(made.key).status_code == 200


def test_the_last_use_is_written_down_once_a_minute():
    made, at = new_key(), timezone.now()
    for seconds, written in ((0, 0), (59, 0), (61, 61), (100, 61), (122, 122)):
        with time_machine.travel(at + timedelta(seconds=seconds), tick=False):
            call(made.key)
        made.row.refresh_from_db()
        assert made.row.last_used_at == at + timedelta(seconds=written)


def test_a_key_is_kept_only_as_its_hash():
    made = new_key()
    assert re.fullmatch(r"mh_[0-9a-f]{10}_[A-Za-z0-9_-]{43}", made.key)
    row = ApiKey.objects.get()
    assert row.hash == hashlib.sha256(made.key.encode()).hexdigest()
    assert row.prefix == made.key[:13]
    assert made.key[14:] not in str(row.__dict__)
    assert made.key[14:] not in str(AuditEntry.objects.values())


def test_a_key_whose_random_part_holds_underscores_is_found(monkeypatch):
    monkeypatch.setattr("accounts.services.keys.secrets.token_urlsafe", lambda size: "_a_b_" * 8)
    assert call(new_key().key).status_code == 200


def test_a_key_without_the_scope_is_403_and_says_which():
    made = new_key(scopes=["members:read"])
    assert call(made.key).status_code == 200
    response = call(made.key, "post")
    assert_problem(response, 403, "insufficient_scope")
    assert response.json()["scope"] == "points:write"
    assert AuditEntry.objects.filter(action="probe").count() == 0
    assert_problem(call(made.key, "delete"), 405, "method_not_allowed")


@pytest.mark.parametrize("end", ["expired", "revoked", "changed", "prefix only", "another's"])
def test_a_key_that_is_no_good_is_401(end):
    made = new_key()
    key = made.key
    match end:
        case "expired":
            ApiKey.objects.update(expires_at=timezone.now())
        case "revoked":
            assert revoke_key(made.row.pk, actor=SYSTEM, at=timezone.now())
        case "changed":
            key = key[:-1] + ("A" if key[-1] != "A" else "B")
        case "prefix only":
            key = made.row.prefix
        case "another's":
            key = made.row.prefix + new_key("Other").key[13:]
    response = call(key)
    assert_problem(response, 401, "authentication_failed")
    assert response["WWW-Authenticate"] == "Api-Key"
    assert ApiKey.objects.filter(last_used_at__isnull=False).count() == 0


@pytest.mark.parametrize(
    "key", ["", "x", "mh_", "mh_" + "é" * 20, "mh_\x00" + "0" * 20, "mh_" + "0" * 500, "m" * 9]
)
def test_what_is_no_key_is_401_and_never_500(key):
    assert call(key).status_code == 401


def test_nobody_and_a_members_token_are_401():
    assert_problem(APIClient().get("/probe/shop/"), 401, "not_authenticated")
    assert_problem(APIClient().get("/probe/shop/", headers=bearer(make_user())), 401, "authentication_failed")


def test_a_key_opens_no_door_of_a_member():
    made = new_key(scopes=list(known_scopes()))
    for path in ("/auth/me/", "/rewards/balance/", "/rewards/transactions/"):
        assert_problem(call(made.key, path=path), 401, "authentication_failed")


def test_idempotency_keys_are_each_api_keys_own_and_the_audit_names_it():
    one, two = new_key("One"), new_key("Two")
    headers = {"HTTP_IDEMPOTENCY_KEY": "k"}
    first, again, other = (call(key, "post", **headers) for key in (one.key, one.key, two.key))
    assert first.json() == again.json() != other.json()
    assert again["Idempotent-Replayed"] == "true"
    actors = AuditEntry.objects.filter(action="probe").order_by("id").values_list("actor", flat=True)
    assert list(actors) == ["key:One", "key:Two"]


def test_a_scope_that_nobody_registered_is_neither_given_nor_asked_for():
    with pytest.raises(UnknownScope):
        new_key(scopes=["points:write", "nobody:knows"])
    assert ApiKey.objects.count() == 0
    made = new_key()
    with pytest.raises(LookupError, match="nobody:knows"):
        call(made.key, path="/probe/mistaken/")
    with pytest.raises(ValueError, match="something else"):
        register_scope("points:write", "Anything")


# --- in the admin ------------------------------------------------------------------------------------------

LIST = "/admin/accounts/apikey/"


@pytest.fixture
def boss(client):
    user = make_user("boss", is_staff=True, is_superuser=True)
    client.force_login(user)
    return client


FORM = {
    "name": "Corner",
    "shop": "corner",
    "scopes": ["orders:write", "points:write"],
    "expires_at_0": "",
    "expires_at_1": "",
}


def test_a_key_made_in_the_admin_is_shown_once(boss):
    response = boss.post(f"{LIST}add/", FORM)
    assert response.status_code == 200
    assert "no-store" in response["Cache-Control"]
    (key,) = re.findall(r'<code id="new-key">([^<]+)</code>', response.content.decode())
    row = ApiKey.objects.get()
    assert (row.name, row.shop, row.scopes) == ("Corner", "corner", ["orders:write", "points:write"])
    assert row.created_by.username == "boss"
    assert call(key, "post").status_code == 200
    for page in (LIST, f"{LIST}{row.pk}/change/", f"{LIST}{row.pk}/history/"):
        assert key not in boss.get(page).content.decode()
    assert row.hash not in boss.get(f"{LIST}{row.pk}/change/").content.decode()
    entry = AuditEntry.objects.get(action="api_key.make")
    assert (entry.actor, entry.target) == ("staff:boss", f"accounts.apikey:{row.pk}")
    assert entry.after["scopes"] == ["orders:write", "points:write"]


def test_keys_without_a_shop_are_many(boss):
    for name in ("One", "Two"):
        assert b"new-key" in boss.post(f"{LIST}add/", FORM | {"name": name, "shop": ""}).content
    assert set(ApiKey.objects.values_list("shop", flat=True)) == {None}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["all"]}, "scopes"),
        ({"shop": "no slug"}, "shop"),
        ({"expires_at_0": "2020-01-01", "expires_at_1": "00:00"}, "expires_at"),
    ],
)
def test_a_form_that_is_wrong_makes_no_key(boss, change, field):
    response = boss.post(f"{LIST}add/", FORM | change)
    assert field in response.context["adminform"].form.errors
    assert ApiKey.objects.count() == 0


def test_a_key_is_revoked_and_neither_changed_nor_deleted(boss):
    made = new_key()
    page = f"{LIST}{made.row.pk}/change/"
    assert boss.get(page).status_code == 200
    boss.post(page, FORM | {"name": "Changed"})
    assert ApiKey.objects.get().name == "Shop"
    assert boss.post(f"{LIST}{made.row.pk}/delete/", {"post": "yes"}).status_code == 403
    form = {"action": "revoke", "_selected_action": [made.row.pk]}
    answer = boss.post(LIST, form, follow=True)
    assert b"1 of 1 keys were good and are revoked." in answer.content
    assert call(made.key).status_code == 401
    assert b"0 of 1 keys" in boss.post(LIST, form, follow=True).content
    entry = AuditEntry.objects.get(action="api_key.revoke")
    assert entry.actor == "staff:boss"


def test_who_may_only_look_makes_and_revokes_nothing(client):
    user = make_user("clerk", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename="view_apikey"))
    client.force_login(user)
    made = new_key()
    assert client.get(LIST).status_code == 200
    assert client.post(f"{LIST}add/", FORM).status_code == 403
    client.post(LIST, {"action": "revoke", "_selected_action": [made.row.pk]})
    assert ApiKey.objects.get().revoked_at is None
