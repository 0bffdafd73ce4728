"""What /metrics says of pushes, whatever process sent them."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from accounts.facade import issue_access_token
from core.contracts import SYSTEM
from notifications.campaign_rules import Step
from notifications.facade import erase_member_devices
from notifications.models import NotificationPreference, PushNotification, PushSend
from notifications.services.campaigns import move_campaign
from notifications.services.sending import send_due
from notifications.services.tallying import tally
from notifications.services.walking import walk_due
from tests.accounts.factories import make_user
from tests.concurrency import together
from tests.fakes.fcm import Said
from tests.notifications.campaigns import members, scheduled
from tests.notifications.factories import make_device, tell

pytestmark = pytest.mark.django_db(transaction=True)


def samples(api, family):
    page = api.get("/metrics").content.decode()
    return {
        tuple(sample.labels.values()): sample.value
        for one in text_string_to_metric_families(page)
        if one.name == family
        for sample in one.samples
    }


def test_what_pushes_came_to_is_counted_by_outcome_and_reason(api, fcm):
    for address, said in (
        ("fine", Said(200)),
        ("gone", Said(404, "UNREGISTERED")),
        ("busy", Said(503, "UNAVAILABLE")),
    ):
        member = make_user()
        make_device(member, device_token=address)
        fcm.said[address] = [said]
        tell(member)
    tell(make_user())
    unwilling = make_user()
    make_device(unwilling)
    NotificationPreference.objects.create(
        user=unwilling, category="test-service", channel="push", enabled=False
    )
    tell(unwilling)
    lengthy = make_user()
    make_device(lengthy)
    PushNotification.objects.create(user=lengthy, title="Long", message="x" * 5000)
    send_due()
    assert samples(api, "markethub_pushes") == {
        ("sent", ""): 1,
        ("failed", "UNREGISTERED"): 1,
        ("failed", "TooLarge"): 1,
        ("again", "UNAVAILABLE"): 1,
        ("dropped", "no device to send to"): 1,
        ("dropped", "the member has switched it off"): 1,
    }


def test_what_the_app_reports_is_counted_once(api, fcm):
    for calls in (["delivered", "delivered", "opened", "opened"], ["opened", "delivered"]):
        member = make_user()
        make_device(member)
        message = tell(member)
        send_due()
        api.credentials(
            HTTP_AUTHORIZATION=f"Bearer {issue_access_token(member.pk, at=timezone.now(), seconds=60)}"
        )
        for call in calls:
            assert api.post(f"/notifications/{message.notification_id}/{call}/").status_code == 204
    counted = samples(api, "markethub_pushes")
    assert counted == {("sent", ""): 2, ("delivered", ""): 2, ("opened", ""): 2}


def test_pushes_that_are_dropped_for_want_of_credentials_are_counted(api, settings):
    settings.FIREBASE_PRIVATE_KEY = ""
    tell(make_user())
    tell(make_user())
    send_due()
    assert samples(api, "markethub_pushes") == {("dropped", "push is off"): 2}


def test_pushes_of_a_stopped_campaign_and_of_an_erased_member_are_counted(api):
    first, *_ = members(3)
    campaign = scheduled()
    walk_due()
    move_campaign(campaign_id=campaign.pk, step=Step.STOP, actor=SYSTEM, at=timezone.now())
    walk_due()
    tell(first)
    erase_member_devices(first.pk, at=timezone.now())
    assert samples(api, "markethub_pushes") == {
        ("cancelled", "the campaign was stopped"): 3,
        ("cancelled", "the member was erased"): 1,
    }


def test_how_long_the_oldest_has_been_due_is_shown(api):
    assert samples(api, "markethub_push_overdue_seconds") == {(): 0}
    member = make_user()
    device = make_device(member)
    tell(member)
    PushNotification.objects.update(due_at=timezone.now() - timedelta(seconds=100))
    assert 100 <= samples(api, "markethub_push_overdue_seconds")[()] < 130
    push = PushNotification.objects.get()
    PushSend.objects.create(push=push, device=device, due_at=timezone.now() - timedelta(seconds=200))
    assert 200 <= samples(api, "markethub_push_overdue_seconds")[()] < 230


def test_counts_of_many_at_once_add_up(api):
    together(*[lambda: [tally({("sent", ""): 1, ("failed", "X: 1"): 2}) for _ in range(20)]] * 4)
    assert samples(api, "markethub_pushes") == {("sent", ""): 80, ("failed", "X"): 160}


def test_a_scrape_asks_four_statements_however_much_there_is(api):
    counts = []
    for number in range(2):
        for outcome in range(50 * number):
            tally({("failed", f"reason {outcome}"): 1})
        with CaptureQueriesContext(
            connection,
        ) as queries:
            api.get("/metrics")
        counts.append(len([one for one in queries if "push_" in one["sql"]]))
    assert counts == [4, 4]
