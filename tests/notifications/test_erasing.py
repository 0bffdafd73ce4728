"""What notifications keep of a member goes for good, and can be had before."""

import json
from datetime import UTC, datetime, time, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from notifications.answers import Answer, Verdict
from notifications.facade import erase_member_devices, export_member_devices
from notifications.models import (
    InboxMessage,
    MarketingCount,
    NotificationPreference,
    PushNotification,
    PushSend,
    QuietHours,
    UserDevice,
)
from notifications.services import erasing
from notifications.services.devices import register_device
from notifications.services.fanning_out import fan_out
from notifications.services.notifying import notify
from notifications.services.preferences import choose
from notifications.services.recording import Answered, record
from tests.accounts.factories import make_user
from tests.concurrency import together
from tests.notifications.factories import MARKETING, OPERATIONAL, make_device, tell

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
SECRET = "Thandi"
MODELS = (
    UserDevice, InboxMessage, PushNotification, PushSend, NotificationPreference, QuietHours, MarketingCount,
)  # fmt: skip


def lived(member):
    """Devices, wishes, and a push in every state."""
    make_device(member, device_info={"name": SECRET})
    choose(
        member.pk,
        {
            "preferences": [{"category": "marketing", "channel": "push", "enabled": False}],
            "quiet_hours": {"begins": time(22), "ends": time(7, 30)},
        },
        at=NOW,
    )
    MarketingCount.objects.create(user=member, day=NOW.date(), count=1)
    for status in PushNotification.Status:
        message = tell(member, MARKETING, key=f"a-{status}")
        PushNotification.objects.filter(notification_id=message.notification_id).update(
            status=status, reason="r"
        )


def rows_of(*models, **which):
    return json.dumps([list(model.objects.filter(**which).values()) for model in models], default=str)


def everything():
    return rows_of(*MODELS)


def test_all_of_it_goes_but_what_the_statistics_count():
    member = make_user()
    lived(member)
    assert SECRET in everything()
    assert erase_member_devices(member.pk, at=NOW) == 1 + 10 + 10 + 1 + 1 + 1
    assert SECRET not in everything()
    for model in (UserDevice, InboxMessage, NotificationPreference, QuietHours, MarketingCount):
        assert not model.objects.exists()
    pushes = PushNotification.objects.order_by("id").values_list(
        "user", "title", "message", "payload", "kind", "status", "reason"
    )
    gone = {"pending", "held", "paused", "sending"}
    assert list(pushes) == [
        (None, "", "", {}, "test_marketing", "cancelled", "the member was erased")
        if status in gone
        else (None, "", "", {}, "test_marketing", status, "r")
        for status in PushNotification.Status
    ]
    before = everything()
    assert erase_member_devices(member.pk, at=NOW + HOUR) == 0
    assert everything() == before


def test_anothers_are_untouched():
    member, other = make_user(), make_user()
    lived(member)
    lived(other)
    of_other = {"user": other}
    tables = [model for model in MODELS if model is not PushSend]
    before = rows_of(*tables, **of_other)
    erase_member_devices(member.pk, at=NOW)
    assert rows_of(*tables, **of_other) == before
    assert PushNotification.objects.filter(user=other).count() == 10


def test_a_push_that_is_on_its_way_is_not_sent_again_whatever_its_answer():
    member = make_user()
    make_device(member)
    tell(member)
    (send,), _ = fan_out(limit=10, lease=HOUR, at=datetime.now(UTC) + HOUR)
    erase_member_devices(member.pk, at=NOW)
    record([Answered(send.send_id, send.tries, Answer(Verdict.LATER, "UNAVAILABLE"))], at=NOW)
    row = PushSend.objects.get(pk=send.send_id)
    assert (row.state, row.error, row.device) == ("failed", "the member was erased", None)
    push = PushNotification.objects.get()
    assert (push.status, push.title, push.user) == ("cancelled", "", None)


def test_erasing_costs_the_same_for_one_row_and_fifty():
    counts = []
    for rows in (1, 50):
        member = make_user()
        for _ in range(rows):
            tell(member)
            make_device(member)
        with CaptureQueriesContext(connection) as queries:
            assert erase_member_devices(member.pk, at=NOW) == 3 * rows
        counts.append(len(queries))
    assert counts[0] == counts[1], counts


def test_many_pushes_go_a_chunk_at_a_time(monkeypatch):
    monkeypatch.setattr(erasing, "_CHUNK", 2)
    member = make_user()
    for _ in range(5):
        tell(member)
    assert erase_member_devices(member.pk, at=NOW) == 10


@pytest.mark.django_db(transaction=True)
def test_a_batch_in_which_a_member_is_erased_goes_out():
    members = [make_user() for _ in range(2)]
    for member in members:
        make_device(member, last_seen_at=NOW)
        MarketingCount.objects.create(user=member, day=NOW.date(), count=0)
        tell(member, MARKETING)
    PushNotification.objects.update(due_at=NOW)

    def erase_between(execute, sql, *rest):
        result = execute(sql, *rest)
        if "INSERT INTO marketing_counts" in sql:
            together(lambda: MarketingCount.objects.filter(user=members[0]).delete())
        return result

    with connection.execute_wrapper(erase_between):
        sends, _ = fan_out(limit=10, lease=HOUR, at=NOW)
    assert len(sends) == 2


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("again", range(5))
def test_what_is_written_while_they_are_erased_is_erased_too(again):
    member = make_user()
    for number in range(6):
        make_device(member, device_token=f"d-{number}", device_info={"name": SECRET})
        tell(member)
    late = datetime.now(UTC) + HOUR
    sends, _ = fan_out(limit=100, lease=HOUR, at=late)
    answers = [Answered(send.send_id, send.tries, Answer(Verdict.GONE, "UNREGISTERED")) for send in sends]
    device = {"device_token": "d-1", "platform": "ios", "device_info": {"name": SECRET}}

    def say(number):
        notify(
            user_id=member.pk, kind=OPERATIONAL.name, facts={"points": 7, "name": SECRET}, key=f"k{number}"
        )

    results = together(
        lambda: record(answers[::2], at=NOW),
        lambda: say(1),
        lambda: erase_member_devices(member.pk, at=NOW),
        lambda: record(answers[1::2], at=NOW),
        lambda: register_device(user_id=member.pk, at=NOW, **device) and None,
        lambda: say(2),
    )
    assert [result for result in results if isinstance(result, Exception)] == []
    erase_member_devices(member.pk, at=NOW)
    assert SECRET not in everything()
    assert (
        not PushNotification.objects.exclude(status="cancelled", user=None).filter(status="sending").exists()
    )


def test_everything_that_is_kept_can_be_had():
    member, other = make_user(), make_user()
    lived(other)
    device = make_device(member, device_token="t", device_info={"model": "Pixel"}, last_seen_at=NOW)
    UserDevice.objects.update(created_at=NOW)
    wishes = {"preferences": [{"category": "marketing", "channel": "push", "enabled": False}]}
    choose(member.pk, {**wishes, "quiet_hours": {"begins": time(22), "ends": time(7, 30)}}, at=NOW)
    message = tell(member)
    InboxMessage.objects.filter(pk=message.pk).update(created_at=NOW, read_at=NOW)
    PushNotification.objects.filter(user=member).update(scheduled_at=NOW, status="sent", sent_at=NOW)
    moment = "2026-11-20T10:00:00+00:00"
    found = export_member_devices(member.pk)
    assert json.loads(json.dumps(found)) == found
    assert found == {
        "devices": [
            {
                "device_token": device.device_token, "kind": "token", "platform": "android",
                "device_info": {"model": "Pixel"}, "is_active": True, "registered_at": moment,
                "last_seen_at": moment,
            }
        ],
        "preferences": [{"category": "marketing", "channel": "push", "enabled": False}],
        "quiet_hours": {"begins": "22:00", "ends": "07:30"},
        "inbox": [
            {
                "notification_id": str(message.notification_id), "kind": "test_operational",
                "category": "test-service", "title": "7 points", "body": "You have 7 points, Thandi.",
                "link": message.link, "is_shown": True, "created_at": moment, "read_at": moment,
            }
        ],
        "pushes": [
            {
                "notification_id": str(message.notification_id), "kind": "test_operational",
                "title": "7 points", "message": "You have 7 points, Thandi.",
                "payload": {"kind": "test_operational", "link": message.link}, "status": "sent",
                "scheduled_at": moment, "sent_at": moment, "delivered_at": None, "opened_at": None,
            }
        ],
    }  # fmt: skip


def test_exporting_costs_the_same_for_one_row_and_fifty():
    member = make_user()
    counts = []
    for more in (1, 49):
        for _ in range(more):
            tell(member)
            make_device(member)
        with CaptureQueriesContext(connection) as queries:
            export_member_devices(member.pk)
        counts.append(len(queries))
    assert counts == [5, 5]
