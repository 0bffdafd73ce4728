"""The time of send-otp and login does not tell whether an account exists."""

import os
import time

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from tests.accounts.timing import ROUNDS, Comparison, compare

pytestmark = pytest.mark.django_db

ROUNDS_HERE = int(os.environ.get(ROUNDS, "120")) + 10  # the first ten warm up
_UNLIMITED = [(10**9, 60)]


@pytest.fixture(autouse=True)
def unlimited(settings):
    settings.ATTEMPT_LIMITS = dict.fromkeys(settings.ATTEMPT_LIMITS, _UNLIMITED)
    settings.OTP_SENDER = "tests.fakes.phones.send"
    settings.PASSWORD_HASHERS = ["tests.accounts.timing.BriefHasher"]


def assert_tells_nothing(measure) -> None:
    """Fail when three measurements in a row tell known from unknown: noise does not point one way thrice."""
    told: list[Comparison] = []
    for _ in range(3):
        comparison = measure()
        print(f"\n{comparison}")  # shown with -s
        # A real difference is both beyond chance and large enough to be used.
        if comparison.p > 0.001 or abs(comparison.longer - 0.5) < 0.06:
            return
        told.append(comparison)
    if len({comparison.longer > 0.5 for comparison in told}) == 1:
        pytest.fail("\n".join(map(str, told)))


def test_send_otp_takes_as_long_for_a_known_phone_as_for_an_unknown_one():
    client, fresh = APIClient(), iter(range(10**6))

    def measure() -> Comparison:
        known, unknown = ([f"+2782{next(fresh):07d}" for _ in range(ROUNDS_HERE)] for _ in range(2))
        User.objects.bulk_create(User(username=phone, phone=phone) for phone in known)
        return compare("send-otp", *([call(phone) for phone in phones] for phones in (known, unknown)))

    def call(phone):
        return lambda: client.post("/auth/send-otp/", {"phone": phone})

    assert client.post("/auth/send-otp/", {"phone": "+27829999999"}).status_code == 200
    assert_tells_nothing(measure)


def test_login_takes_as_long_for_a_known_name_as_for_an_unknown_one():
    client, fresh = APIClient(), iter(range(10**6))
    made = User(username="made")
    made.set_password("the right one")

    def measure() -> Comparison:
        known, unknown = ([f"name{next(fresh):07d}" for _ in range(ROUNDS_HERE)] for _ in range(2))
        User.objects.bulk_create(User(username=name, password=made.password) for name in known)
        return compare("login", *([call(name) for name in names] for names in (known, unknown)))

    def call(name):
        return lambda: client.post("/auth/login/", {"username": name, "password": "wrong"})

    assert_tells_nothing(measure)


def test_a_difference_that_is_there_is_seen():
    comparison = compare(
        "twenty milliseconds more", [lambda: time.sleep(0.021)] * 40, [lambda: time.sleep(0.001)] * 40
    )
    assert comparison.longer > 0.9
    assert comparison.p < 0.001
    assert "p50" in str(comparison)
