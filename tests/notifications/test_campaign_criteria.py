"""Whom a campaign's criteria match: each by itself, all together, and in numbers."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.utils import timezone

from core.long_lists import AtLeast
from notifications import ports
from notifications.ports import criterion_called
from notifications.selectors import campaigns
from notifications.selectors.campaigns import Reach, UnknownCriterion, reach, segment_members
from orders.models import Order
from rewards.models import LoyaltyTier, UserPoints
from tests.accounts.factories import make_user
from tests.notifications.factories import make_device
from tests.rewards.admin.conftest import with_points
from tests.rewards.ledger import DAY, deliver_order

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=ZoneInfo("Africa/Johannesburg"))


def matched(at=NOW, **segment):
    return [member.username for member in segment_members(segment, at=at)]


def tier(name):
    return LoyaltyTier.objects.get(name=name).pk


def test_an_empty_segment_is_everybody_who_is_not_blocked():
    make_user("thandi")
    make_user("blocked", is_active=False)
    make_user("sipho")
    assert matched() == ["thandi", "sipho"]


def test_tiers_are_those_of_the_accounts_and_who_has_none_is_in_the_first():
    with_points(10, username="bronze")
    with_points(1000, username="silver")
    with_points(5000, username="gold")
    make_user("new")
    by_hand = make_user("by-hand")
    UserPoints.objects.create(user=by_hand, tier=None)
    assert matched(tiers=[tier("Silver"), tier("Gold")]) == ["silver", "gold"]
    assert matched(tiers=[tier("Bronze")]) == ["bronze", "new", "by-hand"]
    assert matched(tiers=[tier("Bronze"), tier("Gold")]) == ["bronze", "gold", "new", "by-hand"]
    assert matched(tiers=[tier("Platinum")]) == []


def test_points_that_expire_within_so_many_days():
    now = timezone.now()
    members = {days: with_points(10, username=f"m{days}") for days in (0, 6, 7, 8)}
    for days, member in members.items():
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL session_replication_role = replica")
            cursor.execute(
                "UPDATE point_lots SET expires_at = %s, matures_at = %s WHERE user_id = %s",
                [now + days * DAY, now - DAY, member.pk],
            )
            cursor.execute("SET LOCAL session_replication_role = origin")
    spent = with_points(10, username="spent")
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(
            "UPDATE point_lots SET expires_at = %s, matures_at = %s, remaining = 0 WHERE user_id = %s",
            [now + DAY, now - DAY, spent.pk],
        )
        cursor.execute("SET LOCAL session_replication_role = origin")
    assert matched(now, points_expire_within_days=7) == ["m6"]
    assert matched(now, points_expire_within_days=8) == ["m6", "m7"]


def orderers():
    make_user("never")
    for name, days in (("d1", [1]), ("d30", [30]), ("d31", [31, 400]), ("both", [5, 200])):
        member = make_user(name)
        for age in days:
            deliver_order(member, 100, at=NOW - age * DAY, accrue=False)
    cancelled = make_user("cancelled")
    order = deliver_order(cancelled, 100, at=NOW - DAY, accrue=False)
    Order.objects.filter(pk=order.pk).update(status="cancelled", cancelled_at=NOW)


def test_by_their_last_order():
    orderers()
    assert matched(ordered_within_days=30) == ["d1", "d30", "both"]
    assert matched(not_ordered_for_days=30) == ["d30", "d31"]
    assert matched(not_ordered_for_days=5) == ["d30", "d31", "both"]
    assert matched(has_ordered="never") == ["never", "cancelled"]
    assert matched(has_ordered="ever") == ["d1", "d30", "d31", "both"]


def test_a_language_without_a_region_is_every_region_of_it():
    for language in ("en", "en-ZA", "zu", "eng"):
        make_user(language, language=language)
    assert matched(language="en") == ["en", "en-ZA"]
    assert matched(language="en-ZA") == ["en-ZA"]


def test_every_criterion_must_match():
    orderers()
    make_user("zulu", language="zu")
    assert matched(has_ordered="never", language="zu") == ["zulu"]


def test_a_criterion_that_nobody_knows_is_no_criterion_that_everybody_meets():
    make_user("thandi")
    with pytest.raises(UnknownCriterion):
        matched(label="vip")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("points_expire_within_days", 0, "Ensure this value is greater than or equal to 1."),
        ("points_expire_within_days", 366, "Ensure this value is less than or equal to 365."),
        ("ordered_within_days", "soon", "Enter a whole number."),
        ("not_ordered_for_days", 3651, "Ensure this value is less than or equal to 3650."),
        ("has_ordered", "often", "Select a valid choice. often is not one of the available choices."),
        ("tiers", [987654], "Select a valid choice. 987654 is not one of the available choices."),
        ("language", "English", "Give a language tag: en, zu, en-ZA."),
    ],
)
def test_a_value_out_of_range_is_refused(name, value, said):
    criterion = criterion_called(name)
    assert criterion is not None
    with pytest.raises(ValidationError) as refusal:
        criterion.field().clean(value)
    assert refusal.value.messages == [said]


def test_a_criterion_is_registered_once():
    with pytest.raises(ValueError, match="two criteria are called tiers"):
        ports.register(criterion_called("tiers"))


def test_reach_counts_members_and_devices_that_a_push_would_go_to(monkeypatch):
    monkeypatch.setattr(campaigns, "WINDOW", 2)
    make_user("none")
    make_device(make_user("one"))
    two = make_user("two")
    make_device(two)
    make_device(two)
    make_device(make_user("gone"), is_active=False)
    make_device(make_user("stale"), last_seen_at=timezone.now() - timedelta(days=31))
    make_device(make_user("blocked", is_active=False))
    now = timezone.now()
    assert reach({}, "marketing", at=now) == Reach(5, 2)
    assert reach({}, "operational", at=now) == Reach(5, 3)
    assert reach({"language": "zu"}, "operational", at=now) == Reach(0, 0)


def test_a_count_that_takes_too_long_stops_and_says_so(monkeypatch):
    monkeypatch.setattr(campaigns, "WINDOW", 2)
    for _ in range(5):
        make_device(make_user())
    found = reach({}, "marketing", at=timezone.now(), seconds=0)
    assert (str(found.members), str(found.with_device)) == ("more than 2", "more than 2")
    assert isinstance(found.members, AtLeast)
