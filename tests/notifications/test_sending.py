"""Pushes on their way to FCM: a real HTTP v1 server on loopback answers as Google does."""

from datetime import UTC, datetime, time, timedelta

import pytest
from django.utils import timezone

from core import outbox
from notifications.answers import Answer, Verdict, answer_of
from notifications.models import (
    MarketingCount,
    NotificationPolicy,
    NotificationPreference,
    NotificationTemplate,
    PushNotification,
    PushSend,
    QuietHours,
    UserDevice,
)
from notifications.services.fanning_out import fan_out
from notifications.services.recording import Answered, record
from notifications.services.sending import send_due
from tests.accounts.factories import make_user
from tests.fakes.fcm import PROJECT, Said
from tests.notifications.factories import MARKETING, OPERATIONAL, TRANSACTIONAL, make_device, tell
from tests.rewards.ledger import deliver_order

pytestmark = pytest.mark.django_db(transaction=True)


def awake(member):
    """Quiet hours depend on the clock that the tests run by."""
    QuietHours.objects.create(user=member, begins=time(0), ends=time(0))
    return member


def test_a_tier_upgrade_from_a_delivered_order_reaches_fcm_in_the_members_language(fcm):
    member = make_user(language="zu")
    make_device(member, device_token="phone-1")
    NotificationTemplate.objects.create(
        kind="tier_upgrade", language="zu", title="Halala, {tier}!", body="Usufike ku-{tier}."
    )
    deliver_order(member, "12000", at=timezone.now())
    assert outbox.drain(20)
    send_due()
    push = PushNotification.objects.get(kind="tier_upgrade")
    assert (push.status, push.reason) == ("sent", "")
    assert push.sent_at is not None
    (came,) = [one for one in fcm.messages if one["message"]["data"]["kind"] == "tier_upgrade"]
    assert came["authorization"] == "Bearer token-1"
    assert came["message"] == {
        "token": "phone-1",
        "notification": {"title": "Halala, Silver!", "body": "Usufike ku-Silver."},
        "data": {
            "kind": "tier_upgrade",
            "link": "markethub://tier",
            "notification_id": str(push.notification_id),
        },
        "android": {
            "collapse_key": str(push.notification_id),
            "priority": "high",
            "notification": {"tag": str(push.notification_id)},
        },
        "apns": {"headers": {"apns-collapse-id": str(push.notification_id), "apns-priority": "10"}},
    }
    assert PushSend.objects.get(push=push).message_name.startswith(f"projects/{PROJECT}/messages/")


SECOND = timedelta(seconds=1)
OUTCOMES = [
    # what FCM says; the push, its send, its word; whether the device stays; how long it rests
    (Said(404, "UNREGISTERED", "NOT_FOUND"), "failed", "failed", "UNREGISTERED", False, None),
    (
        Said(403, "SENDER_ID_MISMATCH", "PERMISSION_DENIED"),
        "failed",
        "failed",
        "SENDER_ID_MISMATCH",
        False,
        None,
    ),
    (Said(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT"), "failed", "failed", "INVALID_ARGUMENT", True, None),
    (Said(401, "THIRD_PARTY_AUTH_ERROR"), "sending", "pending", "THIRD_PARTY_AUTH_ERROR", True, (300, 300)),
    (Said(403, "", "PERMISSION_DENIED"), "sending", "pending", "PERMISSION_DENIED", True, (300, 300)),
    (Said(404, "", "NOT_FOUND"), "sending", "pending", "NOT_FOUND", True, (300, 300)),
    (Said(429, "QUOTA_EXCEEDED"), "sending", "pending", "QUOTA_EXCEEDED", True, (60, 60)),
    (
        Said(429, "QUOTA_EXCEEDED", retry_after="7200"),
        "sending",
        "pending",
        "QUOTA_EXCEEDED",
        True,
        (7200, 7200),
    ),
    (Said(503, "UNAVAILABLE", retry_after="30"), "sending", "pending", "UNAVAILABLE", True, (30, 30)),
    (Said(503, "UNAVAILABLE"), "sending", "pending", "UNAVAILABLE", True, (10, 12.5)),
    (Said(500, "INTERNAL"), "sending", "pending", "INTERNAL", True, (10, 12.5)),
    (Said(500, body=b"<html>"), "sending", "pending", "HTTP 500", True, (10, 12.5)),
    (Said(200 + 1, body=b"[]"), "sending", "pending", "HTTP 201", True, (10, 12.5)),
    (Said(0), "sending", "pending", "ServerDisconnectedError", True, (10, 12.5)),
    (Said(200, body=b"<html>"), "sending", "pending", "HTTP 200", True, (10, 12.5)),
    (Said(200, cut=True), "sending", "pending", "ClientPayloadError", True, (10, 12.5)),
    (Said(-3), "sending", "pending", "TIMEOUT", True, (10, 12.5)),
]


@pytest.mark.parametrize(
    ("said", "status", "state", "word", "stays", "rests"), OUTCOMES, ids=lambda value: str(value)[:40]
)
def test_each_answer_ends_as_it_must(fcm, monkeypatch, said, status, state, word, stays, rests):
    from aiohttp import ClientTimeout

    monkeypatch.setattr("notifications.fcm._TIMEOUT", ClientTimeout(total=1))
    member = make_user()
    device = make_device(member, device_token="phone-1")
    fcm.said["phone-1"] = [said]
    tell(member)
    began = timezone.now()
    assert send_due() == 1
    took = timezone.now() - began
    push, send = PushNotification.objects.get(), PushSend.objects.get()
    assert (push.status, send.state, send.error) == (status, state, word)
    assert (push.reason, push.sent_at, send.message_name) == ("" if rests else word, None, "")
    device.refresh_from_db()
    assert device.is_active is stays
    assert device.deactivated_because == ("" if stays else word)
    if rests:
        least, most = (timedelta(seconds=seconds) for seconds in rests)
        assert send.updated_at + least <= send.due_at <= send.updated_at + most
        assert send.tries == (0 if status == "sending" and word in BLOCKS else 1)
        assert took < timedelta(seconds=10)  # nobody slept on it
    assert send_due() == 0  # and nothing goes out again before
    assert len(fcm.messages) == 1


BLOCKS = {"THIRD_PARTY_AUTH_ERROR", "PERMISSION_DENIED", "NOT_FOUND"}


@pytest.mark.parametrize("hangs_up", ["as it comes", "in the answer"])
def test_what_came_though_its_answer_did_not_comes_again_under_the_same_id(fcm, hangs_up):
    member = make_user()
    make_device(member, device_token="phone-1")
    fcm.said["phone-1"] = [Said(0) if hangs_up == "as it comes" else Said(200, cut=True), Said(200)]
    message = tell(member)
    send_due()
    PushSend.objects.update(due_at=timezone.now())
    send_due()
    assert [one["message"]["data"]["notification_id"] for one in fcm.messages] == [
        str(message.notification_id)
    ] * 2
    assert PushNotification.objects.get().status == "sent"


def test_a_server_that_is_not_there_is_tried_again_later(fcm, settings):
    member = make_user()
    make_device(member)
    tell(member)
    settings.FCM_URL = "http://127.0.0.1:1"
    send_due()
    send = PushSend.objects.get()
    assert (send.state, send.error, send.tries) == ("pending", "ClientConnectorError", 1)


def test_what_rests_goes_out_when_it_is_due(fcm):
    member = make_user()
    make_device(member, device_token="phone-1")
    fcm.said["phone-1"] = [Said(503, "UNAVAILABLE"), Said(200)]
    message = tell(member)
    send_due()
    send_due()
    assert fcm.accepted == {}
    PushSend.objects.update(due_at=timezone.now())
    send_due()
    assert fcm.accepted == {str(message.notification_id): 1}
    assert (PushNotification.objects.get().status, PushSend.objects.get().tries) == ("sent", 2)


def test_after_the_last_try_it_has_failed(fcm):
    member = make_user()
    make_device(member, device_token="phone-1")
    fcm.said["phone-1"] = [Said(500, "INTERNAL")]
    tell(member)
    for _ in range(13):
        send_due()
        PushSend.objects.filter(state="pending").update(due_at=timezone.now())
    assert (PushSend.objects.get().state, PushSend.objects.get().tries) == ("failed", 12)
    assert (PushNotification.objects.get().status, PushNotification.objects.get().reason) == (
        "failed",
        "INTERNAL",
    )


def test_a_wrong_configuration_stops_the_run_and_is_nobodys_try(fcm, caplog):
    for number in range(50):
        member = make_user()
        make_device(member, device_token=f"phone-{number}")
        fcm.said[f"phone-{number}"] = [Said(401, "THIRD_PARTY_AUTH_ERROR")]
        tell(member)
    send_due()
    assert len(fcm.messages) < 50 or PushSend.objects.filter(tries=0).count() == 50
    assert set(PushSend.objects.values_list("state", "tries")) == {("pending", 0)}
    assert "our credentials are of no use: THIRD_PARTY_AUTH_ERROR" in caplog.text


@pytest.mark.parametrize(
    ("answer", "word", "rests"),
    [
        ("refused", "AUTH_REFUSED", 300),
        ("no server", "AUTH_UNAVAILABLE", 30),
        ("no JSON", "AUTH_UNAVAILABLE", 30),
        ("500", "AUTH_UNAVAILABLE", 30),
    ],
)
def test_without_a_token_nothing_is_lost_or_tried(fcm, settings, caplog, answer, word, rests):
    fcm.refuse_tokens = answer == "refused"
    if answer == "no server":
        settings.FIREBASE_TOKEN_URL = "http://127.0.0.1:1/token"
    if answer == "no JSON":
        fcm.token_answer = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>"
    if answer == "500":
        fcm.token_answer = b"HTTP/1.1 500 no\r\nContent-Length: 2\r\n\r\n{}"
    for number in range(20):
        member = make_user()
        make_device(member, device_token=f"phone-{number}")
        tell(member)
    began = timezone.now()
    send_due()
    assert timezone.now() - began < timedelta(seconds=20)  # one asked, and not twenty in turn
    assert set(PushSend.objects.values_list("state", "error", "tries")) == {("pending", word, 0)}
    assert {send.due_at - send.updated_at for send in PushSend.objects.all()} == {timedelta(seconds=rests)}
    assert fcm.messages == []
    assert f"our credentials are of no use: {word}" in caplog.text
    fcm.refuse_tokens, fcm.token_answer = False, None
    settings.FIREBASE_TOKEN_URL = f"{fcm.url}/token"
    PushSend.objects.update(due_at=timezone.now())
    send_due()
    assert PushNotification.objects.filter(status="sent").count() == 20


def test_a_token_is_good_for_many_runs_until_fcm_refuses_it(fcm):
    member = make_user()
    make_device(member, device_token="phone-1")
    for said in ([], [], [Said(401, google_status="UNAUTHENTICATED"), Said(200)], [Said(200)]):
        fcm.said["phone-1"] = said
        tell(member)
        send_due()
    assert [one["authorization"] for one in fcm.messages] == [
        f"Bearer token-{number}" for number in (1, 1, 1, 2)
    ]


def test_one_device_of_two_that_has_it_is_enough(fcm):
    member = make_user()
    gone, here = (
        make_device(member, device_token="gone"),
        make_device(member, kind="fid", device_token="here"),
    )
    fcm.said["gone"] = [Said(404, "UNREGISTERED")]
    tell(member)
    send_due()
    assert PushNotification.objects.get().status == "sent"
    assert dict(PushSend.objects.values_list("device_id", "state")) == {gone.pk: "failed", here.pk: "done"}
    assert [one["message"]["fid"] for one in fcm.messages if "fid" in one["message"]] == ["here"]
    tell(member)
    send_due()
    assert len(fcm.messages) == 3  # the device that is gone gets nothing more


def test_a_device_whose_answer_came_too_late_is_waited_for():
    member = make_user()
    make_device(member)
    make_device(member)
    tell(member)
    at = timezone.now()
    (gone, late), _ = fan_out(limit=10, lease=timedelta(0), at=at)
    PushSend.objects.filter(pk=late.send_id).update(tries=2)  # claimed again
    away = Answer(Verdict.LATER, "UNAVAILABLE")
    record([Answered(gone.send_id, 1, Answer(Verdict.GONE)), Answered(late.send_id, 1, away)], at=at)
    assert PushNotification.objects.get().status == "sending"
    record([Answered(late.send_id, 2, Answer(Verdict.SENT, "name"))], at=at)
    assert PushNotification.objects.get().status == "sent"


def test_a_push_that_is_too_large_fails_here(fcm):
    member = make_user()
    make_device(member)
    PushNotification.objects.create(user=member, title="Long", message="x" * 5000)
    send_due()
    assert PushNotification.objects.get().status == "failed"
    assert PushSend.objects.get().error.startswith("TooLarge")
    assert fcm.messages == []


# --- what holds a push back --------------------------------------------------------------------------------


def test_a_row_that_was_made_by_hand_goes_out(fcm):
    member = make_user()
    make_device(member)
    PushNotification.objects.create(
        user=member,
        title="Hello",
        message="There",
        notification_type="operational",
        payload={"deep": {"number": 1}},
    )
    send_due()
    assert PushNotification.objects.get().status == "sent"
    assert fcm.messages[0]["message"]["data"]["deep"] == '{"number": 1}'


def test_a_push_waits_for_its_time(fcm):
    member = make_user()
    make_device(member)
    tell(member)
    PushNotification.objects.update(due_at=timezone.now() + timedelta(hours=1))
    send_due()
    assert PushNotification.objects.get().status == "pending"


def test_without_a_device_or_a_member_it_is_dropped_and_says_why(fcm):
    tell(make_user())
    PushNotification.objects.create(title="Nobody", message="…")
    blocked = make_user()
    make_device(blocked)
    tell(blocked)
    blocked.is_active = False
    blocked.save()
    away = make_user()
    make_device(away, is_active=False)
    tell(away)
    send_due()
    reasons = PushNotification.objects.order_by("id").values_list("status", "reason")
    assert list(reasons) == [
        ("dropped", "no device to send to"),
        ("dropped", "the member is not there or blocked"),
        ("dropped", "the member is not there or blocked"),
        ("dropped", "no device to send to"),
    ]


def test_what_was_switched_off_since_is_dropped(fcm):
    member = make_user()
    make_device(member)
    tell(member)
    NotificationPreference.objects.create(user=member, category="test-service", channel="push", enabled=False)
    send_due()
    assert PushNotification.objects.get().reason == "the member has switched it off"


def test_marketing_waits_for_the_end_of_quiet_hours_and_nothing_else_does(fcm):
    member = make_user(time_zone="Pacific/Auckland")
    make_device(member)
    here = timezone.now().astimezone(member_zone(member))
    QuietHours.objects.create(
        user=member,
        begins=(here - timedelta(hours=1)).time().replace(second=0, microsecond=0),
        ends=(here + timedelta(hours=1)).time().replace(second=0, microsecond=0),
    )
    for kind in (MARKETING, OPERATIONAL, TRANSACTIONAL):
        tell(member, kind)
    send_due()
    held = PushNotification.objects.get(status="held")
    assert (held.notification_type, held.reason) == ("marketing", "quiet hours")
    assert timedelta(minutes=58) < held.due_at - timezone.now() <= timedelta(hours=1)
    assert PushNotification.objects.filter(status="sent").count() == 2
    QuietHours.objects.update(begins=time(0), ends=time(0))
    PushNotification.objects.update(due_at=timezone.now())
    send_due()
    assert PushNotification.objects.filter(status="sent").count() == 3


def member_zone(member):
    from zoneinfo import ZoneInfo

    return ZoneInfo(member.time_zone)


def test_marketing_above_the_days_cap_is_dropped_and_says_why(fcm):
    NotificationPolicy.objects.update(marketing_a_day=2)
    member, other = awake(make_user()), awake(make_user())
    for one in (member, other):
        make_device(one)
    for _ in range(3):
        tell(member, MARKETING)
    tell(member, TRANSACTIONAL)
    send_due()
    tell(member, MARKETING)
    tell(other, MARKETING)
    send_due()
    of_member = PushNotification.objects.filter(user=member).order_by("id").values_list("status", flat=True)
    assert list(of_member) == ["sent", "sent", "dropped", "sent", "dropped"]
    assert PushNotification.objects.get(user=other).status == "sent"
    assert set(PushNotification.objects.filter(status="dropped").values_list("reason", flat=True)) == {
        "the day's marketing is used up"
    }
    assert dict(MarketingCount.objects.values_list("user_id", "count")) == {member.pk: 2, other.pk: 1}


def test_stale_devices_get_no_marketing(fcm):
    member = awake(make_user())
    make_device(member, last_seen_at=timezone.now() - timedelta(days=31))
    tell(member, MARKETING)
    tell(member, TRANSACTIONAL)
    send_due()
    assert dict(PushNotification.objects.values_list("notification_type", "status")) == {
        "marketing": "dropped",
        "transactional": "sent",
    }


# --- devices that move while a push is on its way ----------------------------------------------------------


def test_a_push_never_reaches_a_device_that_somebody_else_has_now(fcm):
    member, other = make_user(), make_user()
    make_device(member, device_token="phone-1")
    fcm.said["phone-1"] = [Said(503, "UNAVAILABLE"), Said(200)]
    tell(member)
    send_due()
    UserDevice.objects.update(user=other)
    PushSend.objects.update(due_at=timezone.now())
    send_due()
    assert fcm.accepted == {}
    assert (PushNotification.objects.get().status, PushSend.objects.get().error) == (
        "failed",
        "DEVICE_TAKEN_AWAY",
    )


def test_a_device_that_was_removed_meanwhile_fails_its_push(fcm):
    member = make_user()
    device = make_device(member, device_token="phone-1")
    fcm.said["phone-1"] = [Said(503, "UNAVAILABLE"), Said(200)]
    tell(member)
    send_due()
    device.delete()
    PushSend.objects.update(due_at=timezone.now())
    send_due()
    assert fcm.accepted == {}
    assert PushNotification.objects.get().status == "failed"


def test_without_credentials_pushes_are_dropped_and_nothing_breaks(settings):
    settings.FIREBASE_PRIVATE_KEY = ""
    member = make_user()
    make_device(member)
    tell(member)
    assert send_due() == 1
    push = PushNotification.objects.get()
    assert (push.status, push.reason) == ("dropped", "push is off: Firebase's variables are not set")


def test_what_waits_for_another_try_does_not_wait_for_credentials(fcm, settings):
    member = make_user()
    make_device(member, device_token="busy")
    fcm.said["busy"] = [Said(503)]
    tell(member)
    send_due()
    assert PushNotification.objects.get().status == "sending"
    PushSend.objects.update(due_at=timezone.now())
    settings.FIREBASE_PRIVATE_KEY = ""
    send_due()
    push = PushNotification.objects.get()
    assert (push.status, push.reason) == ("failed", "push is off: Firebase's variables are not set")
    assert PushSend.objects.get().state == "failed"


def test_the_rate_is_kept_in_any_second(fcm, settings):
    settings.FCM_MESSAGES_A_SECOND = 100
    member = make_user()
    make_device(member)
    for _ in range(150):
        tell(member)
    send_due()
    assert PushNotification.objects.filter(status="sent").count() == 150
    assert fcm.most_in_a_second() <= 100


@pytest.mark.parametrize(
    ("status", "body", "headers", "verdict", "wait"),
    [
        (429, None, {"Retry-After": "Fri, 20 Nov 2026 12:00:30 GMT"}, Verdict.LATER, 30),
        (503, None, {"Retry-After": "soon"}, Verdict.LATER, None),
        (503, None, {"Retry-After": "-5"}, Verdict.LATER, None),
        (503, None, {"Retry-After": "99999999999999"}, Verdict.LATER, None),
        (503, {"error": "x"}, {"Retry-After": "999999"}, Verdict.LATER, 86400),
        (200, {"name": 5}, {}, Verdict.LATER, None),
        (200, None, {}, Verdict.LATER, None),
        (400, {"error": {"details": [7, {"@type": "other"}], "status": "X"}}, {}, Verdict.REFUSED, None),
    ],
)
def test_odd_answers_are_read_with_care(status, body, headers, verdict, wait):
    found = answer_of(status, body, headers, at=datetime(2026, 11, 20, 12, 0, tzinfo=UTC))
    assert found.verdict is verdict
    assert found.wait == (None if wait is None else timedelta(seconds=wait))
