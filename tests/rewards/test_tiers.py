"""Tiers follow points, and members follow the tiers when those are changed."""

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from core import outbox
from core.contracts import Actor
from core.models import AuditEntry, OutboxMessage
from rewards.contracts import TIER_UPGRADED
from rewards.models import LoyaltyTier, Programme, TierChange, UserPoints
from rewards.rules import Tier
from rewards.services.settings import delete_setting, save_setting
from rewards.services.tiers import TierShift, preview_tiers, rejudge_members, update_tier
from rewards.tasks import recalculate_rolling_tiers
from tests.rewards.ledger import day, deliver_order, make_member, return_pieces, set_programme

pytestmark = pytest.mark.django_db
MANAGER = Actor("staff:manager")


@pytest.fixture
def upgrades(monkeypatch):
    """Who is told of an upgrade: a subscriber of this test's own, as another app would have."""
    told = []
    handler = outbox.subscriber("test.upgrades", topics=[TIER_UPGRADED])
    handler(lambda messages: told.extend(message.payload["user_id"] for message in messages))

    def deliver():
        outbox.deliver("test.upgrades")
        return told

    yield deliver
    outbox._subscriptions.pop("test.upgrades")


def moves(member):
    changes = TierChange.objects.filter(user=member).order_by("id")
    return list(changes.values_list("from_tier__name", "to_tier__name", "basis_points", "reason"))


def test_mistake_16_earning_promotes_spending_does_not_demote_and_a_return_demotes_at_once(upgrades):
    member = make_member()
    first = deliver_order(member, 9999, at=day(0))
    deliver_order(member, 10, at=day(1))
    return_pieces(first, 1, at=day(2))
    assert moves(member) == [
        (None, "Bronze", 999, "points"),
        ("Bronze", "Silver", 1000, "points"),
        ("Silver", "Bronze", 1, "points"),
    ]
    assert upgrades() == [member.pk]


def test_a_first_order_that_reaches_gold_is_an_upgrade(upgrades):
    member = make_member()
    deliver_order(member, 50000, at=day(0))
    assert moves(member) == [(None, "Gold", 5000, "points")]
    assert upgrades() == [member.pk]


def test_the_task_moves_a_row_made_by_hand_and_tells_once(upgrades):
    member = make_member()
    UserPoints.objects.create(user=member, lifetime_points=5200)
    for _ in range(3):
        update_tier(user_id=member.pk, at=timezone.now())
    assert UserPoints.objects.get().tier.name == "Gold"
    assert upgrades() == [member.pk]
    update_tier(user_id=make_member().pk, at=timezone.now())
    assert UserPoints.objects.count() == 1


def member_with(lifetime, tier):
    member = make_member()
    UserPoints.objects.create(user=member, lifetime_points=lifetime, tier=LoyaltyTier.objects.get(name=tier))
    return member


def test_mistake_17_a_changed_threshold_is_previewed_then_moves_everybody_and_tells_nobody(upgrades):
    members = [member_with(800, "Bronze"), member_with(1500, "Silver"), member_with(5500, "Gold")]
    silver = LoyaltyTier.objects.get(name="Silver")
    silver.min_points = 700
    tiers = [Tier(tier.pk, tier.name, tier.min_points) for tier in LoyaltyTier.objects.exclude(pk=silver.pk)]
    proposed = sorted([*tiers, Tier(silver.pk, "Silver", 700)], key=lambda tier: tier.min_points)
    assert preview_tiers(proposed, at=timezone.now()) == [TierShift("Bronze", "Silver", 1)]
    assert LoyaltyTier.objects.get(name="Silver").min_points == 1000

    save_setting(silver, actor=MANAGER, reason="Easter")
    outbox.deliver("rewards.tiers")
    tiers = [UserPoints.objects.get(user=member).tier.name for member in members]
    assert tiers == ["Silver", "Silver", "Gold"]
    assert moves(members[0]) == [("Bronze", "Silver", 800, "threshold")]
    assert upgrades() == []
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.action, entry.reason) == ("staff:manager", "loyaltytier.change", "Easter")
    assert (entry.before["min_points"], entry.after["min_points"]) == (1000, 700)


def test_the_recalculation_goes_in_chunks_each_a_message(monkeypatch):
    monkeypatch.setattr("rewards.services.tiers.CHUNK", 2)
    members = [member_with(1200, "Bronze") for _ in range(5)]
    gold = LoyaltyTier.objects.get(name="Gold")
    gold.min_points = 6000
    save_setting(gold, actor=MANAGER)
    assert OutboxMessage.objects.filter(subscriber="rewards.tiers").count() == 3
    outbox.deliver("rewards.tiers")
    assert {UserPoints.objects.get(user=member).tier.name for member in members} == {"Silver"}


def rejudge(members, at):
    ids = sorted(member.pk for member in members)
    return rejudge_members(first=ids[0], last=ids[-1], reason="period", quietly=True, at=at)


@pytest.mark.parametrize("basis", ["lifetime", "rolling_year", "current"])
def test_a_recalculation_locks_only_who_moves(basis):
    set_programme(tier_basis=basis)
    earned = [make_member() for _ in range(3)]
    for member in earned:
        deliver_order(member, 12000, at=timezone.now())
    misplaced = earned[1]
    UserPoints.objects.filter(user=misplaced).update(tier=LoyaltyTier.objects.get(name="Gold"))

    def locked():
        with connection.cursor() as cursor:
            cursor.execute("SELECT user_id, xmax::text <> '0' FROM user_points ORDER BY user_id")
            return dict(cursor.fetchall())

    before = locked()
    assert rejudge(earned, timezone.now()) == 1
    assert moves(misplaced)[-1] == ("Gold", "Silver", 1200, "period")
    after = locked()
    assert [after[member.pk] == before[member.pk] for member in (earned[0], earned[2])] == [True, True]
    assert rejudge(earned, timezone.now()) == 0


def test_by_spendable_points_a_recalculation_moves_those_whose_expiry_no_job_has_posted():
    set_programme(tier_basis="current", points_valid_months=1)
    members = [make_member(), make_member()]
    for number, member in enumerate(members):
        deliver_order(member, 12000, at=day(30 * number))
    assert [moves(member)[-1][1] for member in members] == ["Silver", "Silver"]
    assert rejudge(members, day(40)) == 1
    assert moves(members[0])[-1] == ("Silver", "Bronze", 0, "period")


def test_a_return_within_the_year_of_what_was_earned_before_it_takes_nothing_from_the_year():
    set_programme(tier_basis="rolling_year")
    member = make_member()
    now = timezone.now()
    old = deliver_order(member, 30000, at=now - timedelta(days=400), qty=2)
    deliver_order(member, 12000, at=now - timedelta(days=10))
    return_pieces(old, 1, at=now - timedelta(days=5))
    UserPoints.objects.update(tier=None)
    assert rejudge([member], now) == 1
    assert moves(member)[-1] == (None, "Silver", 1200, "period")


def test_a_changed_name_moves_nobody_and_an_unchanged_save_leaves_no_trace():
    member_with(1200, "Silver")
    silver = LoyaltyTier.objects.get(name="Silver")
    save_setting(silver, actor=MANAGER)
    assert AuditEntry.objects.count() == 0
    silver.name = "Sterling"
    save_setting(silver, actor=MANAGER)
    assert OutboxMessage.objects.count() == 0
    assert AuditEntry.objects.get().after["name"] == "Sterling"


def test_a_changed_basis_judges_everybody_anew():
    member = member_with(1200, "Silver")
    assert preview_tiers(
        [Tier(tier.pk, tier.name, tier.min_points) for tier in LoyaltyTier.objects.all()],
        at=timezone.now(),
        basis="current",
    ) == [TierShift("Silver", "Bronze", 1)]
    programme = Programme.objects.get()
    programme.tier_basis = "current"
    save_setting(programme, actor=MANAGER)
    outbox.deliver("rewards.tiers")
    assert moves(member) == [("Silver", "Bronze", 0, "threshold")]


def test_a_year_later_the_rolling_basis_demotes_by_its_daily_job():
    set_programme(tier_basis="rolling_year")
    member = make_member()
    now = timezone.now()
    deliver_order(member, 20000, at=now - timedelta(days=364))
    assert moves(member) == [(None, "Silver", 2000, "points")]
    recalculate_rolling_tiers()
    outbox.deliver("rewards.tiers")
    assert len(moves(member)) == 1
    update_tier(user_id=member.pk, at=now + timedelta(days=2))
    assert moves(member)[1:] == [("Silver", "Bronze", 0, "points")]


def test_the_rolling_job_has_nothing_to_do_under_another_basis():
    member_with(1200, "Bronze")
    recalculate_rolling_tiers()
    assert OutboxMessage.objects.count() == 0


def test_a_deleted_setting_is_in_the_audit_trail():
    tier = LoyaltyTier.objects.create(name="Diamond", min_points=99999)
    delete_setting(tier, actor=MANAGER, reason="never used")
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.before["name"], entry.after) == ("loyaltytier.delete", "Diamond", {})
