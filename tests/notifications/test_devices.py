"""Devices belong to whoever registered them last, and go with the session that registered them."""

from datetime import timedelta
from functools import partial

import pytest
from django.utils import timezone

from accounts.models import User
from accounts.services.sessions import begin_session, end_all_sessions, end_session, refresh_session
from core import outbox
from notifications.models import UserDevice
from notifications.services.devices import MOST_DEVICES, register_device
from notifications.services.forgetting import forget_old
from tests.accounts.factories import client_of, make_user
from tests.concurrency import together
from tests.notifications.factories import make_device

REGISTER = "/notifications/register-device/"
BODY = {"device_token": "abc", "platform": "ios", "device_info": {"model": "iPhone"}}

pytestmark = pytest.mark.django_db


@pytest.fixture
def member() -> User:
    return make_user()


def session_client(api, member):
    signed = begin_session(member.pk, at=timezone.now())
    api.credentials(HTTP_AUTHORIZATION=f"Bearer {signed.access}")
    return signed


def test_a_device_is_registered_and_shown(member):
    answer = client_of(member).post(REGISTER, BODY)
    assert answer.status_code == 200
    body = answer.json()
    seen = UserDevice.objects.get()
    assert {key: body[key] for key in ("id", "device_token", "kind", "platform", "device_info")} == {
        "id": seen.pk,
        "device_token": "abc",
        "kind": "token",
        "platform": "ios",
        "device_info": {"model": "iPhone"},
    }
    assert (body["is_active"], body["is_stale"]) == (True, False)
    assert client_of(member).get("/notifications/devices/").json() == [body]


def test_registering_again_keeps_one_row_and_makes_it_reachable(member):
    client_of(member).post(REGISTER, BODY)
    UserDevice.objects.update(
        is_active=False,
        deactivated_at=timezone.now(),
        deactivated_because="UNREGISTERED",
        last_seen_at=timezone.now() - timedelta(days=40),
    )
    assert client_of(member).get("/notifications/devices/").json()[0]["is_stale"] is True
    client_of(member).post(REGISTER, {**BODY, "platform": "android", "kind": "fid"})
    device = UserDevice.objects.get()
    assert (device.is_active, device.deactivated_at, device.deactivated_because) == (True, None, "")
    assert (device.platform, device.kind) == ("android", "fid")
    assert timezone.now() - device.last_seen_at < timedelta(minutes=1)


def test_the_newest_owner_wins(member):
    other = make_user()
    client_of(member).post(REGISTER, BODY)
    client_of(other).post(REGISTER, BODY)
    assert UserDevice.objects.get().user == other
    assert client_of(member).get("/notifications/devices/").json() == []


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"device_token": ""}, "device_token"),
        ({"device_token": "x" * 256}, "device_token"),
        ({"device_token": 5}, "device_token"),
        ({"device_token": "a\0b"}, "device_token"),
        ({"platform": "symbian"}, "platform"),
        ({"kind": "carrier pigeon"}, "kind"),
        ({"device_info": "iPhone"}, "device_info"),
        ({"device_info": {"x": "y" * 5000}}, "device_info"),
    ],
)
def test_bad_input_names_its_field_and_registers_nothing(member, change, field):
    answer = client_of(member).post(REGISTER, {**BODY, **change})
    assert answer.status_code == 400
    assert field in answer.json()["errors"]
    assert not UserDevice.objects.exists()


def test_the_longest_unseen_make_room(member):
    now = timezone.now()
    old = [make_device(member, last_seen_at=now - timedelta(days=n)) for n in range(1, MOST_DEVICES + 1)]
    client_of(member).post(REGISTER, BODY)
    left = set(UserDevice.objects.values_list("device_token", flat=True))
    assert left == {"abc"} | {device.device_token for device in old[:-1]}


def test_another_members_device_cannot_be_taken_away(member):
    device = make_device(make_user())
    assert client_of(member).delete(f"/notifications/devices/{device.pk}/").status_code == 404
    assert UserDevice.objects.filter(pk=device.pk).exists()


def test_a_device_is_taken_away(member):
    device = make_device(member)
    assert client_of(member).delete(f"/notifications/devices/{device.pk}/").status_code == 204
    assert not UserDevice.objects.exists()


def test_signing_out_takes_the_sessions_device_away_and_no_other(api, member):
    elsewhere = make_device(member)
    signed = session_client(api, member)
    api.post(REGISTER, BODY)
    refreshed = refresh_session(token=signed.refresh, at=timezone.now())
    end_session(token=refreshed.refresh, at=timezone.now())
    assert outbox.drain(10)
    assert list(UserDevice.objects.values_list("pk", flat=True)) == [elsewhere.pk]


def test_a_device_that_signed_in_elsewhere_meanwhile_stays(api, member):
    signed = session_client(api, member)
    api.post(REGISTER, BODY)
    other = make_user()
    client_of(other).post(REGISTER, BODY)
    end_session(token=signed.refresh, at=timezone.now())
    assert outbox.drain(10)
    assert UserDevice.objects.get().user == other


def test_signing_out_everywhere_takes_all_devices_away(api, member):
    make_device(member)
    session_client(api, member)
    api.post(REGISTER, BODY)
    end_all_sessions(member.pk, at=timezone.now())
    assert outbox.drain(10)
    assert not UserDevice.objects.exists()


def test_who_signs_in_again_before_it_is_known_keeps_the_device(api, member):
    make_device(member)
    session_client(api, member)
    api.post(REGISTER, BODY)
    end_all_sessions(member.pk, at=timezone.now())
    session_client(api, member)
    api.post(REGISTER, BODY)
    assert outbox.drain(10)
    assert UserDevice.objects.get().device_token == BODY["device_token"]


def test_devices_unseen_for_270_days_are_removed(member):
    now = timezone.now()
    kept = make_device(member, last_seen_at=now - timedelta(days=269))
    make_device(member, last_seen_at=now - timedelta(days=271))
    assert forget_old(at=now) == 1
    assert UserDevice.objects.get() == kept


@pytest.mark.django_db(transaction=True)
def test_twenty_registrations_of_one_device_at_once_leave_one_row():
    members = [make_user() for _ in range(20)]

    def register(member: User) -> None:
        register_device(
            user_id=member.pk,
            device_token="abc",
            platform="ios",
            device_info={},
            at=timezone.now(),
        )

    results = together(*[partial(register, member) for member in members])
    assert results == [None] * 20
    assert UserDevice.objects.count() == 1
