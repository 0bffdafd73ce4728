from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import AttemptCount
from tests.accounts.factories import make_user
from tests.concurrency import together

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("quick_hasher")]

PASSWORD = "a long enough phrase"


@pytest.fixture
def clock():
    with time_machine.travel(timezone.now(), tick=False) as traveller:
        yield lambda **by: traveller.shift(timedelta(**by))


def login(username, password="wrong", **extra):
    return APIClient().post("/auth/login/", {"username": username, "password": password}, **extra)


@pytest.mark.parametrize("name", ["thandi", "nobody"])
def test_ten_wrong_passwords_shut_a_name_for_a_quarter_of_an_hour_known_or_not(clock, name):
    make_user("thandi", password=PASSWORD)
    assert [login(name).status_code for _ in range(10)] == [401] * 10
    clock(minutes=5)
    response = login(name, PASSWORD)
    assert (response.status_code, response.json()["code"]) == (429, "too_many_attempts")
    assert response["Content-Type"] == "application/problem+json"
    assert (response["Retry-After"], response.json()["retry_after"]) == ("600", 600)
    assert response.json()["error"] == "Too many attempts; try again later"
    clock(minutes=10)
    assert login(name, PASSWORD).status_code == (200 if name == "thandi" else 401)


def test_a_name_is_one_name_however_it_is_written(clock):
    names = ["thandi@example.com", "THANDI@example.com", " thandi@Example.com "]
    assert {login(names[n % 3]).status_code for n in range(10)} == {401}
    assert login("Thandi@Example.COM").status_code == 429


def test_right_passwords_are_not_counted(clock):
    make_user("thandi", password=PASSWORD)
    assert {login("thandi", PASSWORD).status_code for _ in range(15)} == {200}
    assert {login("thandi").status_code for _ in range(9)} == {401}
    assert login("thandi", PASSWORD).status_code == 200
    assert [login("thandi").status_code for _ in range(2)] == [401, 429]


def test_an_address_is_counted_over_all_names(settings, clock):
    settings.ATTEMPT_LIMITS = settings.ATTEMPT_LIMITS | {"login_address": [(5, 60)]}
    make_user("thandi", password=PASSWORD)
    assert {login(f"name{n}").status_code for n in range(5)} == {401}
    assert login("thandi", PASSWORD).status_code == 429
    assert login("thandi", PASSWORD, HTTP_X_FORWARDED_FOR="203.0.113.9").status_code == 429  # nobody's proxy
    assert login("thandi", PASSWORD, REMOTE_ADDR="203.0.113.9").status_code == 200
    settings.TRUSTED_PROXIES = ["127.0.0.1"]
    assert login("thandi", PASSWORD, HTTP_X_FORWARDED_FOR="203.0.113.9").status_code == 200


@pytest.mark.django_db(transaction=True)
def test_thirty_guesses_at_once_are_never_more_than_ten_and_outlive_their_refusal():
    make_user("thandi", password=PASSWORD)
    answers = together(*[lambda: login("thandi") for _ in range(30)])
    assert sorted(answer.status_code for answer in answers) == [401] * 10 + [429] * 20
    connection.close()
    assert AttemptCount.objects.get(name="login_account:900").count == 10


def test_the_admin_is_signed_in_to_within_the_same_limits(client):
    make_user("boss", password=PASSWORD, is_staff=True, is_superuser=True)
    form = {"username": "boss", "password": "wrong"}
    for _ in range(10):
        assert b"Please enter the correct" in client.post("/admin/login/", form).content
    page = client.post("/admin/login/", form | {"password": PASSWORD})
    assert (page.status_code, b"Too many attempts. Try again in" in page.content) == (200, True)
    AttemptCount.objects.all().delete()
    assert client.post("/admin/login/?next=/admin/", form | {"password": PASSWORD}).status_code == 302


def test_a_member_does_not_get_into_the_admin(client):
    make_user("thandi", password=PASSWORD)
    page = client.post("/admin/login/", {"username": "thandi", "password": PASSWORD})
    assert page.status_code == 200
    assert b"for a staff account" in page.content
