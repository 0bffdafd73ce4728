from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import RefreshToken, User
from accounts.services.blocking import set_active
from accounts.services.sessions import begin_session
from core.contracts import SYSTEM
from core.models import AuditEntry
from tests.accounts.factories import make_user
from tests.concurrency import together


@pytest.fixture
def clock():
    with time_machine.travel(timezone.now(), tick=False) as traveller:
        yield lambda **by: traveller.shift(timedelta(**by))


@pytest.fixture
def member(db):
    return make_user("thandi")


def begin(user):
    return begin_session(user.pk, at=timezone.now())


def refresh(token, key=None, client=None):
    headers = {"Idempotency-Key": key} if key else {}
    return (client or APIClient()).post("/auth/refresh/", {"refresh": token}, headers=headers)


def me(access):
    return APIClient().get("/auth/me/", headers={"Authorization": f"Bearer {access}"})


def assert_problem(response, status, code):
    assert (response.status_code, response.json()["code"]) == (status, code)


def live():
    return RefreshToken.objects.filter(revoked_at=None, used_at=None).count()


@pytest.mark.parametrize("path", ["/auth/refresh/", "/api/v1/auth/refresh/"])
def test_a_refresh_gives_a_new_pair_and_ends_the_old_token(member, clock, path):
    first = begin(member)
    clock(minutes=15)
    assert_problem(me(first.access), 401, "authentication_failed")
    response = APIClient().post(path, {"refresh": first.refresh})
    assert (response.status_code, response["Cache-Control"]) == (200, "no-store")
    pair = response.json()
    assert set(pair) == {"access", "refresh", "expires_in"}
    assert pair["refresh"] != first.refresh
    assert me(pair["access"]).json()["id"] == member.pk
    member.refresh_from_db()
    assert member.last_token_refresh == timezone.now()
    old, new = RefreshToken.objects.order_by("id")
    assert (old.used_at, old.family) == (timezone.now(), new.family)
    assert new.expires_at == timezone.now() + timedelta(days=30)
    assert pair["refresh"] not in str(new.__dict__) + str(old.__dict__)


def test_a_reused_token_ends_its_whole_family_and_no_other(member, clock):
    stolen, elsewhere = begin(member), begin(member)
    second = refresh(stolen.refresh).json()
    clock(seconds=11)
    response = refresh(stolen.refresh)
    assert_problem(response, 401, "refresh_refused")
    assert response["WWW-Authenticate"] == "Bearer"
    assert_problem(refresh(second["refresh"]), 401, "refresh_refused")
    assert refresh(elsewhere.refresh).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_the_end_of_a_family_outlives_the_refusal_that_reports_it():
    # Design mistake 4: an exception must not roll it back.
    first = begin(make_user())
    refresh(first.refresh)
    RefreshToken.objects.filter(used_at__isnull=False).update(used_at=timezone.now() - timedelta(minutes=1))
    assert_problem(refresh(first.refresh), 401, "refresh_refused")
    connection.close()
    assert list(RefreshToken.objects.values_list("revoked_at", flat=True).filter(revoked_at=None)) == []


@pytest.mark.django_db(transaction=True)
def test_of_two_refreshes_of_one_token_exactly_one_wins_and_the_family_lives():
    for _ in range(5):
        first = begin(make_user())
        answers = together(*[lambda token=first.refresh: refresh(token)] * 2)
        won, lost = sorted(answers, key=lambda answer: answer.status_code)
        assert won.status_code == 200
        assert_problem(lost, 409, "refresh_raced")
        assert lost["Retry-After"] == "1"
        assert refresh(won.json()["refresh"]).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_the_same_call_twice_at_once_gets_the_same_token():
    first = begin(make_user())
    answers = together(*[lambda: refresh(first.refresh, key="tap-1")] * 3)
    assert [answer.status_code for answer in answers] == [200] * 3
    assert len({answer.json()["refresh"] for answer in answers}) == 1
    assert live() == 1


def test_a_retry_whose_answer_was_lost_gets_the_pair_again(member, clock):
    first = begin(member)
    lost = refresh(first.refresh, key="tap-1").json()
    clock(minutes=4)
    again = refresh(first.refresh, key="tap-1")
    assert again.json()["refresh"] == lost["refresh"]
    assert me(again.json()["access"]).status_code == 200
    assert refresh(lost["refresh"]).status_code == 200


@pytest.mark.parametrize(
    ("wait", "key", "used"),
    [
        ({"minutes": 6}, "tap-1", False),
        ({"minutes": 1}, "tap-2", False),
        ({"minutes": 1}, None, False),
        ({"minutes": 1}, "tap-1", True),
    ],
    ids=["too late", "another call", "no key", "after the successor was used"],
)
def test_whatever_is_no_retry_is_reuse(member, clock, wait, key, used):
    first = begin(member)
    pair = refresh(first.refresh, key="tap-1").json()
    if used:
        refresh(pair["refresh"])
    clock(**wait)
    assert_problem(refresh(first.refresh, key=key), 401, "refresh_refused")
    assert live() == 0


def test_a_token_expires_in_thirty_days(member, clock):
    first = begin(member)
    clock(days=30)
    assert_problem(refresh(first.refresh), 401, "refresh_refused")
    second = begin(member)
    clock(days=29, hours=23)
    assert refresh(second.refresh).status_code == 200


@pytest.mark.parametrize("token", ["x", "é", "x" * 200, "0" * 64])
def test_an_unknown_token_is_refused(db, token):
    assert_problem(refresh(token), 401, "refresh_refused")


@pytest.mark.parametrize(
    "body", [{}, {"refresh": None}, {"refresh": 7}, {"refresh": ""}, {"refresh": "x" * 201}]
)
@pytest.mark.parametrize("path", ["refresh", "logout"])
def test_bad_input_is_refused_by_the_field(db, path, body):
    response = APIClient().post(f"/auth/{path}/", body, format="json")
    assert response.status_code == 400
    assert "refresh" in response.json()["errors"]


def test_signing_out_ends_this_family(member):
    here, there = begin(member), begin(member)
    pair = refresh(here.refresh).json()
    client = APIClient()
    assert client.post("/auth/logout/", {"refresh": pair["refresh"]}).status_code == 204
    assert_problem(refresh(pair["refresh"]), 401, "refresh_refused")
    assert refresh(there.refresh).status_code == 200
    assert client.post("/auth/logout/", {"refresh": pair["refresh"]}).status_code == 204
    assert client.post("/auth/logout/", {"refresh": "unknown"}).status_code == 204


def test_signing_out_everywhere_ends_every_token_at_once(member, django_assert_num_queries):
    here, there, somebody = begin(member), begin(member), begin(make_user())
    headers = {"Authorization": f"Bearer {here.access}"}
    assert APIClient().post("/auth/logout-all/", headers=headers).status_code == 204
    for ended in (here, there):
        assert_problem(me(ended.access), 401, "authentication_failed")
        assert_problem(refresh(ended.refresh), 401, "refresh_refused")
    assert me(somebody.access).status_code == 200
    fresh = begin(member)  # in the same second, and still after it
    with django_assert_num_queries(1):
        assert me(fresh.access).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_no_token_slips_out_of_an_account_that_signs_out_everywhere():
    for _ in range(4):
        user = make_user()
        first = begin(user)
        headers = {"Authorization": f"Bearer {first.access}"}
        jobs = [
            lambda token=first.refresh: refresh(token),
            lambda headers=headers: APIClient().post("/auth/logout-all/", headers=headers),
        ]
        refreshed, ended = together(*jobs)
        assert ended.status_code == 204
        assert refreshed.status_code in (200, 401)
        assert live() == 0
        if refreshed.status_code == 200:
            assert refresh(refreshed.json()["refresh"]).status_code == 401


def test_blocking_ends_access_at_the_next_request_and_for_good(member):
    pair = begin(member)
    assert set_active(user_id=member.pk, active=False, actor=SYSTEM, at=timezone.now(), reason="fraud")
    assert_problem(me(pair.access), 401, "authentication_failed")
    assert_problem(refresh(pair.refresh), 401, "refresh_refused")
    assert not set_active(user_id=member.pk, active=False, actor=SYSTEM, at=timezone.now())
    assert set_active(user_id=member.pk, active=True, actor=SYSTEM, at=timezone.now())
    assert_problem(me(pair.access), 401, "authentication_failed")  # the old tokens stay ended
    assert_problem(refresh(pair.refresh), 401, "refresh_refused")
    assert me(begin(member).access).status_code == 200
    trail = AuditEntry.objects.order_by("id").values_list("action", "target", "reason")
    assert list(trail) == [
        ("member.block", f"accounts.user:{member.pk}", "fraud"),
        ("member.unblock", f"accounts.user:{member.pk}", ""),
    ]


def test_a_refresh_costs_a_fixed_number_of_statements(member, django_assert_num_queries):
    first = begin(member)
    with django_assert_num_queries(8):  # of which two are the savepoint that the test's transaction needs
        assert refresh(first.refresh).status_code == 200
    assert User.objects.get(pk=member.pk).last_token_refresh is not None
