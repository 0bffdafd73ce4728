"""What members switch off stays away, but for what must reach the inbox."""

import pytest

from accounts.models import User
from notifications.models import InboxMessage, NotificationPreference, PushNotification, QuietHours
from tests.accounts.factories import client_of, make_user
from tests.notifications.factories import MARKETING, OPERATIONAL, TRANSACTIONAL, tell

URL = "/notifications/preferences/"

pytestmark = pytest.mark.django_db


@pytest.fixture
def member() -> User:
    return make_user(time_zone="Europe/London")


def choose(member, *switches, **more):
    chosen = [dict(zip(("category", "channel", "enabled"), one, strict=True)) for one in switches]
    return client_of(member).patch(URL, {"preferences": chosen, **more})


def shown(answer):
    return {(one["category"], one["channel"]): one["enabled"] for one in answer.json()["preferences"]}


def test_everything_is_on_and_the_policys_hours_hold_until_a_member_chooses(member):
    body = client_of(member).get(URL).json()
    assert all(one["enabled"] for one in body["preferences"])
    named = [one["category"] for one in body["preferences"]][::2]
    assert named[:3] == ["transactional", "operational", "marketing"]
    assert body["quiet_hours"] == {
        "begins": "21:00:00",
        "ends": "08:00:00",
        "chosen": False,
        "time_zone": "Europe/London",
    }


def test_a_choice_is_kept_and_others_stay(member):
    choose(member, ("marketing", "push", False))
    answer = choose(member, ("test-offers", "inbox", False), ("test-offers", "inbox", False))
    off = {pair for pair, enabled in shown(answer).items() if not enabled}
    assert off == {("marketing", "push"), ("test-offers", "inbox")}
    again = choose(member, ("marketing", "push", True))
    assert {pair for pair, enabled in shown(again).items() if not enabled} == {("test-offers", "inbox")}


@pytest.mark.parametrize("category", ["transactional", "test-orders"])
def test_what_is_transactional_cannot_be_kept_out_of_the_inbox(member, category):
    answer = choose(member, ("marketing", "push", False), (category, "inbox", False))
    assert (answer.status_code, answer.json()["code"]) == (400, "always_in_the_inbox")
    assert not NotificationPreference.objects.exists()
    assert choose(member, (category, "push", False)).status_code == 200


def test_an_unknown_category_is_refused(member):
    answer = choose(member, ("horoscopes", "push", False))
    assert (answer.status_code, answer.json()["code"]) == (400, "unknown_category")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"preferences": "none"}, "preferences"),
        ({"preferences": [{"category": "marketing", "channel": "smoke", "enabled": True}]}, "preferences"),
        ({"quiet_hours": {"begins": "25:00", "ends": "08:00"}}, "quiet_hours"),
        ({"quiet_hours": {"begins": "21:00"}}, "quiet_hours"),
    ],
)
def test_bad_input_names_its_field(member, body, field):
    answer = client_of(member).patch(URL, body)
    assert answer.status_code == 400
    assert any(name.startswith(field) for name in answer.json()["errors"])


def test_quiet_hours_are_chosen_and_given_back(member):
    chosen = client_of(member).patch(URL, {"quiet_hours": {"begins": "22:30", "ends": "06:00"}}).json()
    expected = {"begins": "22:30:00", "ends": "06:00:00", "chosen": True, "time_zone": "Europe/London"}
    assert chosen["quiet_hours"] == expected
    back = client_of(member).patch(URL, {"quiet_hours": None}).json()
    assert back["quiet_hours"]["chosen"] is False
    assert not QuietHours.objects.exists()


def test_a_category_that_is_off_leaves_a_row_that_says_why(member):
    choose(member, ("test-offers", "inbox", False))
    assert tell(member, MARKETING).withheld == "preference"
    assert PushNotification.objects.count() == 1  # the push channel is another question
    assert client_of(member).get("/notifications/inbox/").json()["results"] == []


def test_a_purpose_that_is_off_takes_its_categories_with_it(member):
    choose(member, ("operational", "inbox", False))
    assert tell(member, OPERATIONAL).withheld == "preference"
    assert tell(member, TRANSACTIONAL).withheld == ""
    assert tell(member, MARKETING).withheld == ""


def test_a_row_made_by_hand_keeps_nothing_transactional_out_of_the_inbox(member):
    NotificationPreference.objects.create(user=member, category="test-orders", channel="inbox", enabled=False)
    assert tell(member, TRANSACTIONAL).withheld == ""
    assert InboxMessage.objects.filter(withheld="").count() == 1
