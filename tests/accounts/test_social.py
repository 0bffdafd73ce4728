import hashlib

import jwt
import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts import identity_tokens
from accounts.models import RefreshToken, SocialIdentity, User
from tests.accounts.factories import make_user
from tests.concurrency import together
from tests.fakes.identity_provider import IdentityProvider

pytestmark = pytest.mark.django_db

ISSUERS = {
    "google": "https://accounts.google.com",
    "apple": "https://appleid.apple.com",
    "facebook": "https://www.facebook.com",
}


@pytest.fixture(scope="module")
def running():
    provider = IdentityProvider()
    yield provider
    provider.close()


@pytest.fixture
def provider(running, settings):
    settings.SOCIAL_PROVIDERS = {
        name: {**one, "client_ids": ["app-id", "web-id"], "jwks_url": running.jwks_url}
        for name, one in settings.SOCIAL_PROVIDERS.items()
    }
    identity_tokens.forget_keys()
    running.asked, running.answer = 0, None
    yield running
    identity_tokens.forget_keys()


def sign_in(id_token, provider="google", **more):
    return APIClient().post(f"/auth/{provider}/", {"id_token": id_token, **more})


def assert_problem(response, status, code):
    assert (response.status_code, response.json()["code"]) == (status, code)


@pytest.mark.parametrize("name", ["google", "apple", "facebook"])
@pytest.mark.parametrize("root", ["", "/api/v1"])
def test_an_unknown_identity_becomes_a_member_who_comes_back(provider, joined, name, root):
    token = provider.id_token(iss=ISSUERS[name])
    first = APIClient().post(f"{root}/auth/{name}/", {"id_token": token, "referral_code": "THANDI-7"})
    assert (first.status_code, first["Cache-Control"]) == (200, "no-store")
    assert first.json()["is_new_member"] is True
    user = User.objects.get()
    assert (user.first_name, user.last_name, user.email) == ("Thandi", "Nkosi", "thandi@example.com")
    assert user.email_verified_at is not None
    assert joined() == [user.pk]
    again = sign_in(token, name).json()
    assert again["is_new_member"] is False
    me = APIClient().get("/auth/me/", headers={"Authorization": f"Bearer {again['access']}"})
    assert me.json()["id"] == user.pk
    assert (User.objects.count(), SocialIdentity.objects.count()) == (1, 1)


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "https://accounts.example.com"},
        {"iss": None},
        {"aud": "another-app"},
        {"aud": None},
        {"aud": ["another-app", "third"]},
        {"exp": 1},
        {"exp": None},
        {"exp": "soon"},
        {"iat": None},
        {"iat": 99_999_999_999},
        {"nbf": 99_999_999_999},
        {"sub": None},
        {"sub": ""},
        {"sub": "x" * 256},
        {"sub": "a\0"},
        {"header": {"kid": "unknown"}},
        {"header": {"kid": ""}},
    ],
    ids=str,
)
def test_a_token_that_is_not_for_us_is_refused(provider, changed):
    response = sign_in(provider.id_token(**changed))
    assert_problem(response, 401, "id_token_refused")
    assert (User.objects.count(), SocialIdentity.objects.count()) == (0, 0)


def test_a_token_of_another_key_or_algorithm_or_of_nobody_is_refused(provider):
    claims = jwt.decode(provider.id_token(), options={"verify_signature": False})
    stranger = IdentityProvider()
    stranger.close()
    tokens = [
        provider.id_token(key=stranger.key),
        jwt.encode(claims, None, algorithm="none", headers={"kid": provider.key_id}),
        jwt.encode(claims, "k" * 64, algorithm="HS256", headers={"kid": provider.key_id}),
        provider.id_token()[:-4] + "AAAA",
        provider.id_token().rpartition(".")[0] + ".",
        "x", "a.b.c", "é.é.é", "." * 20, "x" * 8192,
    ]  # fmt: skip
    for token in tokens:
        assert_problem(sign_in(token), 401, "id_token_refused")


def test_one_providers_token_does_not_sign_in_at_another(provider):
    assert_problem(sign_in(provider.id_token(), "apple"), 401, "id_token_refused")


def test_a_token_for_several_of_which_we_are_one_is_taken(provider):
    assert sign_in(provider.id_token(aud=["other", "web-id"])).status_code == 200


def test_the_nonce_is_checked_where_one_is_given_plain_or_hashed(provider):
    plain = provider.id_token(nonce="n-1")
    hashed = provider.id_token(nonce=hashlib.sha256(b"n-1").hexdigest())
    for token, nonce, status in (
        (plain, "n-1", 200), (hashed, "n-1", 200), (plain, "n-2", 401), (provider.id_token(), "n-1", 401),
        (plain, None, 200), (provider.id_token(nonce=7), "7", 401),
    ):  # fmt: skip
        more = {} if nonce is None else {"nonce": nonce}
        assert sign_in(token, **more).status_code == status


# --- who is linked -----------------------------------------------------------------------------------------


def test_a_member_whose_email_both_sides_have_verified_is_linked_once(provider, joined):
    user = make_user("thandi", email="Thandi@Example.com", email_verified_at=timezone.now())
    assert sign_in(provider.id_token()).json()["is_new_member"] is False
    assert SocialIdentity.objects.get().user_id == user.pk
    assert joined() == []
    # Another account at the same provider with the same e-mail: the member has one already.
    assert_problem(sign_in(provider.id_token(sub="person-2")), 409, "other_identity_linked")
    assert sign_in(provider.id_token(sub="person-2", iss=ISSUERS["apple"]), "apple").status_code == 200
    assert User.objects.count() == 1
    assert list(SocialIdentity.objects.order_by("id").values_list("provider", "user_id")) == [
        ("google", user.pk),
        ("apple", user.pk),
    ]


@pytest.mark.parametrize("claimed", [False, None, "false", 1, "yes"])
def test_an_email_that_the_provider_has_not_verified_links_nobody_and_is_not_kept(provider, claimed):
    make_user("thandi", email="thandi@example.com", email_verified_at=timezone.now())
    body = sign_in(provider.id_token(email_verified=claimed)).json()
    assert body["is_new_member"] is True
    made = SocialIdentity.objects.get().user
    assert (made.username == "thandi", made.email) == (False, None)


def test_apple_says_that_an_email_is_verified_as_a_word(provider):
    user = make_user(email="thandi@example.com", email_verified_at=timezone.now())
    token = provider.id_token(iss=ISSUERS["apple"], email_verified="true")
    assert sign_in(token, "apple").status_code == 200
    assert SocialIdentity.objects.get().user_id == user.pk


def test_an_email_that_we_have_not_verified_links_nobody(provider):
    waiting = make_user("waiting", email="THANDI@example.com")
    assert sign_in(provider.id_token()).json()["is_new_member"] is True
    made = SocialIdentity.objects.get().user
    assert made.pk != waiting.pk
    assert (made.email, made.email_verified_at) == (None, None)
    waiting.refresh_from_db()
    assert waiting.email == "THANDI@example.com"


def test_a_linked_member_stays_linked_when_the_email_changes_at_the_provider(provider):
    sign_in(provider.id_token())
    assert sign_in(provider.id_token(email="new@example.com")).json()["is_new_member"] is False
    assert User.objects.get().email == "thandi@example.com"
    assert SocialIdentity.objects.get().email == "new@example.com"


def test_a_blocked_member_does_not_come_in(provider):
    sign_in(provider.id_token())
    User.objects.update(is_active=False)
    RefreshToken.objects.all().delete()
    assert_problem(sign_in(provider.id_token()), 403, "member_blocked")
    assert RefreshToken.objects.count() == 0


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("email", ["thandi@example.com", None])
def test_one_identity_at_once_becomes_one_member(provider, email):
    token = provider.id_token(email=email)
    answers = together(*[lambda: sign_in(token) for _ in range(8)])
    assert [answer.status_code for answer in answers] == [200] * 8
    assert sum(answer.json()["is_new_member"] for answer in answers) == 1
    assert (User.objects.count(), SocialIdentity.objects.count()) == (1, 1)


# --- the provider's keys -----------------------------------------------------------------------------------


@pytest.fixture
def later(monkeypatch):
    """Let the clock by which keys grow old go on."""
    now = 1000.0

    def go_on(seconds):
        nonlocal now
        now += seconds

    monkeypatch.setattr(identity_tokens, "_clock", lambda: now)
    return go_on


def test_keys_are_fetched_once_an_hour(provider, later):
    for _ in range(3):
        assert sign_in(provider.id_token()).status_code == 200
    assert provider.asked == 1
    later(3700)
    assert sign_in(provider.id_token()).status_code == 200
    assert provider.asked == 2


def test_an_unknown_key_is_asked_for_once_and_not_for_every_invented_one(provider, later):
    sign_in(provider.id_token())
    provider.rotate()
    later(31)
    assert sign_in(provider.id_token()).status_code == 200
    assert provider.asked == 2
    for n in range(5):
        invented = provider.id_token(header={"kid": f"invented-{n}"})
        assert_problem(sign_in(invented), 401, "id_token_refused")
    assert provider.asked == 2


@pytest.mark.parametrize(
    "answer", [(500, b"down"), (200, b"<html>"), (200, b"[]"), (200, b'{"keys": 7}'), (200, b'{"keys": []}')]
)
def test_a_provider_that_is_away_is_a_503_and_old_keys_do_for_a_day(provider, later, answer):
    provider.answer = answer
    assert_problem(sign_in(provider.id_token()), 503, "provider_away")
    provider.answer = None
    assert_problem(sign_in(provider.id_token()), 503, "provider_away")  # it is not asked at every call
    assert provider.asked == 1
    later(31)
    assert sign_in(provider.id_token()).status_code == 200
    provider.answer = answer
    later(23 * 3600)
    assert sign_in(provider.id_token()).status_code == 200
    later(2 * 3600)
    assert_problem(sign_in(provider.id_token()), 503, "provider_away")


def test_a_provider_that_nobody_configured_is_off(provider, settings):
    settings.SOCIAL_PROVIDERS = {
        name: {**one, "client_ids": []} for name, one in settings.SOCIAL_PROVIDERS.items()
    }
    for name in ISSUERS:
        assert_problem(sign_in("x", name), 503, "provider_off")
    assert provider.asked == 0


@pytest.mark.parametrize(
    "body", [{}, {"id_token": None}, {"id_token": 7}, {"id_token": "x" * 8193}, {"id_token": ""}]
)
def test_bad_input_is_refused_by_the_field(provider, body):
    response = APIClient().post("/auth/google/", body, format="json")
    assert (response.status_code, list(response.json()["errors"])) == (400, ["id_token"])
