"""The inbox, and what the app reports."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import User
from notifications.models import InboxMessage, NotificationTemplate, PushNotification, UserDevice
from notifications.services.notifying import UnknownKind, notify
from tests.accounts.factories import client_of, make_user
from tests.concurrency import together
from tests.notifications.factories import MARKETING, OPERATIONAL, tell

INBOX = "/notifications/inbox/"

pytestmark = pytest.mark.django_db


@pytest.fixture
def member() -> User:
    return make_user()


def unread(member):
    return client_of(member).get("/notifications/inbox/unread-count/").json()["unread"]


def test_a_member_is_told_once_per_key(member):
    first = tell(member, key="once")
    assert tell(member, key="once") == first
    assert (first.title, first.body, first.link) == (
        "7 points",
        "You have 7 points, Thandi.",
        "markethub://inbox",
    )
    push = PushNotification.objects.get()
    assert (push.notification_id, push.title, push.status) == (first.notification_id, "7 points", "pending")
    assert push.payload == {"kind": "test_operational", "link": "markethub://inbox"}


def test_another_member_may_have_the_same_key(member):
    other = make_user()
    assert tell(member, key="once").user == member
    assert tell(other, key="once").user == other


@pytest.mark.django_db(transaction=True)
def test_twenty_tellings_at_once_tell_once():
    member = make_user()
    facts = {"points": 7, "name": "Thandi"}

    def tell_once() -> bool:
        return notify(user_id=member.pk, kind=OPERATIONAL.name, facts=facts, key="once")

    told = together(*[tell_once] * 20)
    assert sorted(told) == [False] * 19 + [True]
    assert (InboxMessage.objects.count(), PushNotification.objects.count()) == (1, 1)


def test_who_is_blocked_or_gone_is_told_nothing(member):
    member.is_active = False
    member.save()
    facts = {"points": 7, "name": "Thandi"}
    assert notify(user_id=member.pk, kind=OPERATIONAL.name, facts=facts, key="a") is False
    assert notify(user_id=member.pk + 1000, kind=OPERATIONAL.name, facts=facts, key="a") is False
    assert not InboxMessage.objects.exists()


def test_an_unknown_kind_and_a_missing_fact_are_the_callers_mistakes(member):
    with pytest.raises(UnknownKind):
        notify(user_id=member.pk, kind="nonsense", facts={}, key="a")
    with pytest.raises(KeyError, match="name"):
        notify(user_id=member.pk, kind=OPERATIONAL.name, facts={"points": 7}, key="a")
    assert not InboxMessage.objects.exists()


def test_texts_are_in_the_members_language_else_without_region_else_english(member):
    for language, title in (("zu", "Amaphuzu angu-{points}"), ("en", "{points} points now")):
        NotificationTemplate.objects.create(
            kind=OPERATIONAL.name, language=language, title=title, body="{name}"
        )
    told = {}
    for language in ("zu", "zu-ZA", "fr"):
        reader = make_user(language=language)
        told[language] = tell(reader).title
    assert told == {"zu": "Amaphuzu angu-7", "zu-ZA": "Amaphuzu angu-7", "fr": "7 points now"}
    assert tell(member, MARKETING).title == "7 points"


def test_a_fact_that_makes_the_title_too_long_cuts_it(member):
    title = tell(member, points="9" * 200).title
    assert (len(title), title[-2:]) == (100, "9…")


def test_the_inbox_is_paged_newest_first(member):
    ids = [str(tell(member).notification_id) for _ in range(5)]
    first = client_of(member).get(INBOX, {"limit": 3}).json()
    second = client_of(member).get(first["next"]).json()
    assert [row["id"] for row in first["results"] + second["results"]] == ids[::-1]
    assert second["next"] is None


def test_reading_keeps_its_first_time_and_counts_down(member):
    message = tell(member)
    tell(member)
    assert unread(member) == 2
    url = f"{INBOX}{message.notification_id}/read/"
    first = client_of(member).post(url).json()["read_at"]
    assert first is not None
    assert client_of(member).post(url).json()["read_at"] == first
    assert unread(member) == 1
    only = client_of(member).get(INBOX, {"unread": "true"}).json()["results"]
    assert [row["read_at"] for row in only] == [None]
    assert client_of(member).post(f"{INBOX}read-all/").json() == {"read": 1}
    assert unread(member) == 0


def test_what_is_withheld_is_neither_shown_nor_read(member):
    message = tell(member)
    InboxMessage.objects.update(withheld="preference")
    assert unread(member) == 0
    assert client_of(member).post(f"{INBOX}{message.notification_id}/read/").status_code == 404


@pytest.mark.parametrize("rows", [1, 50])
def test_a_page_takes_two_queries_however_long_it_is(member, rows, django_assert_num_queries):
    for _ in range(rows):
        tell(member)
    client = client_of(member)
    with django_assert_num_queries(2):
        assert len(client.get(INBOX).json()["results"]) == rows


# --- reports -----------------------------------------------------------------------------------------------


def report(member, message, what):
    return client_of(member).post(f"/notifications/{message.notification_id}/{what}/").status_code


@pytest.mark.parametrize("status", ["sending", "sent", "failed"])
def test_what_was_sent_is_delivered_and_then_opened(member, status):
    message = tell(member)
    PushNotification.objects.update(status=status)
    assert report(member, message, "delivered") == 204
    push = PushNotification.objects.get()
    assert (push.status, push.opened_at) == ("delivered", None)
    delivered = push.delivered_at
    assert report(member, message, "opened") == 204
    assert report(member, message, "delivered") == 204  # late, and it takes nothing back
    push.refresh_from_db()
    assert (push.status, push.delivered_at) == ("opened", delivered)
    assert push.opened_at > delivered
    message.refresh_from_db()
    assert message.read_at is not None


def test_opened_says_delivered_too(member):
    message = tell(member)
    PushNotification.objects.update(status="sent")
    assert report(member, message, "opened") == 204
    push = PushNotification.objects.get()
    assert push.status == "opened"
    assert push.delivered_at == push.opened_at


@pytest.mark.parametrize("status", ["pending", "held", "dropped", "cancelled"])
def test_what_never_went_out_cannot_have_come(member, status):
    message = tell(member)
    PushNotification.objects.update(status=status)
    assert report(member, message, "delivered") == 204
    assert PushNotification.objects.get().status == status


def test_anothers_push_is_not_found(member):
    message = tell(make_user())
    assert report(member, message, "delivered") == 404
    assert report(member, message, "opened") == 404
    assert client_of(member).post(f"/notifications/{uuid4()}/opened/").status_code == 404


def test_a_report_says_that_the_device_is_there(api, member):
    from accounts.services.sessions import begin_session

    signed = begin_session(member.pk, at=timezone.now())
    api.credentials(HTTP_AUTHORIZATION=f"Bearer {signed.access}")
    api.post("/notifications/register-device/", {"device_token": "abc", "platform": "ios"})
    UserDevice.objects.update(last_seen_at=timezone.now() - timedelta(days=40))
    message = tell(member)
    api.post(f"/notifications/{message.notification_id}/delivered/")
    assert timezone.now() - UserDevice.objects.get().last_seen_at < timedelta(minutes=1)


def test_the_database_refuses_the_same_key_twice(member):
    message = tell(member, key="once")
    message.pk, message.notification_id = None, uuid4()
    with pytest.raises(IntegrityError, match="inbox_messages_once"), transaction.atomic():
        message.save(force_insert=True)
