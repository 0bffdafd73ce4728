"""Tiers and the basis in the admin: a preview first, then one audited change and a quiet recalculation."""

import pytest
from django.utils import timezone

from core import outbox
from core.contracts import SYSTEM
from core.models import AuditEntry, OutboxMessage
from rewards.models import LoyaltyTier, Programme, TierChange, UserPoints
from rewards.selectors.balance import balance
from rewards.services.adjustment import adjust_points
from tests.rewards.admin.conftest import with_points
from tests.rewards.admin.pages import confirm, hidden_fields, listed, said, text

pytestmark = pytest.mark.django_db

LIST = "/admin/rewards/loyaltytier/"


@pytest.fixture
def silver() -> LoyaltyTier:
    return LoyaltyTier.objects.get(name="Silver")


def page_of(tier: LoyaltyTier) -> str:
    return f"{LIST}{tier.pk}/change/"


def form(name: str, min_points: int, benefits: str = "One") -> dict[str, object]:
    return {"name": name, "min_points": min_points, "benefits": benefits}


def stored_tier(member) -> str | None:
    tier = UserPoints.objects.select_related("tier").get(user=member).tier
    return tier.name if tier else None


def test_the_list_says_how_many_members_are_in_each(boss):
    for points in (10, 20, 1000, 5000, 5001, 5002):
        with_points(points)
    found = {tier.name: tier.members for tier in listed(boss.get(LIST))}
    assert found == {"Bronze": 2, "Silver": 1, "Gold": 3, "Platinum": 0}


def test_a_new_threshold_is_previewed_and_changes_nothing_yet(boss, silver):
    members = [with_points(points) for points in (100, 1000, 1400, 2000, 6000)]
    page = boss.post(page_of(silver), form("Silver", 1500))
    assert page.status_code == 200
    assert "Min points 1000 1500" in text(page)
    assert "Silver Bronze 2 Move in all 2" in text(page)
    assert "Nobody is sent a message." in text(page)
    silver.refresh_from_db()
    assert silver.min_points == 1000
    assert [stored_tier(member) for member in members] == ["Bronze", "Silver", "Silver", "Silver", "Gold"]
    assert AuditEntry.objects.filter(action__startswith="loyaltytier").count() == 0
    assert outbox.pending("rewards.tiers") == 0


def test_a_confirmed_threshold_is_audited_and_everybody_judged_without_a_message(boss, silver):
    fallen, risen = with_points(1400), with_points(4999)
    preview = boss.post(page_of(silver), form("Silver", 1500, "Priority support"))
    arrived = confirm(boss, page_of(silver), preview, "Too many of them")
    assert said(arrived)[0] == (
        "2 members will be judged by the new tiers, in the background. Nobody is sent a message."
    )
    entry = AuditEntry.objects.get(action="loyaltytier.change")
    assert (entry.actor, entry.target, entry.reason) == (
        "staff:boss", f"rewards.loyaltytier:{silver.pk}", "Too many of them",
    )  # fmt: skip
    assert (entry.before["min_points"], entry.after["min_points"]) == (1000, 1500)
    assert entry.after["benefits"] == ["Priority support"]
    assert "1 chunk of up to 1000 members is still to go." in text(boss.get(LIST))
    OutboxMessage.objects.exclude(subscriber="rewards.tiers").delete()
    assert outbox.deliver("rewards.tiers") == 1
    assert [stored_tier(fallen), stored_tier(risen)] == ["Bronze", "Silver"]
    move = TierChange.objects.filter(user=fallen).first()
    assert (move.reason, move.basis_points) == ("threshold", 1400)
    assert OutboxMessage.objects.count() == 0
    assert "still to go" not in text(boss.get(LIST))


def test_a_preview_without_a_reason_is_shown_again(boss, silver):
    preview = boss.post(page_of(silver), form("Silver", 1500))
    page = confirm(boss, page_of(silver), preview, "  ")
    assert "This field is required." in text(page)
    silver.refresh_from_db()
    assert silver.min_points == 1000


def test_a_second_submission_changes_nothing_more(boss, silver):
    preview = boss.post(page_of(silver), form("Silver", 1500))
    confirm(boss, page_of(silver), preview)
    confirm(boss, page_of(silver), preview)
    assert AuditEntry.objects.filter(action="loyaltytier.change").count() == 1
    assert OutboxMessage.objects.filter(subscriber="rewards.tiers").count() == 0  # nobody has points


def test_a_tier_confirmed_twice_is_added_once(boss):
    add = f"{LIST}add/"
    preview = boss.post(add, form("Copper", 500))
    confirm(boss, add, preview, "A step between")
    again = confirm(boss, add, preview, "A step between")
    assert "Loyalty tier with this Name already exists." in text(again)
    assert LoyaltyTier.objects.filter(name="Copper").count() == 1
    entry = AuditEntry.objects.get(action="loyaltytier.add")
    assert (entry.before, entry.after["min_points"]) == ({}, 500)


def test_a_new_tier_shows_who_would_move_up_into_it(boss):
    with_points(400)
    with_points(600)
    page = boss.post(f"{LIST}add/", form("Copper", 500))
    assert "Bronze Copper 1 Move in all 1" in text(page)


def test_what_somebody_else_changed_meanwhile_is_shown_before_it_is_saved(boss, silver):
    with_points(1400)
    preview = boss.post(page_of(silver), form("Silver", 1500))
    LoyaltyTier.objects.filter(name="Bronze").update(min_points=1)
    page = confirm(boss, page_of(silver), preview)
    assert "Somebody changed the programme since you looked." in text(page)
    silver.refresh_from_db()
    assert silver.min_points == 1000
    confirm(boss, page_of(silver), page)
    silver.refresh_from_db()
    assert silver.min_points == 1500


def test_back_from_the_preview_keeps_what_was_typed_and_saves_nothing(boss, silver):
    preview = boss.post(page_of(silver), form("Silver", 1500))
    page = boss.post(page_of(silver), {**hidden_fields(preview), "_back": "Back to the form"})
    assert page.status_code == 200
    assert 'name="min_points" value="1500"' in page.content.decode()
    silver.refresh_from_db()
    assert silver.min_points == 1000


def test_a_name_and_benefits_are_saved_without_a_preview_and_audited(boss, silver):
    body = form("Argent", 1000, " Free shipping, always \r\n\r\nTea")
    arrived = boss.post(page_of(silver), body, follow=True)
    assert arrived.redirect_chain == [(LIST, 302)]
    silver.refresh_from_db()
    assert (silver.name, silver.benefits) == ("Argent", ["Free shipping, always", "Tea"])
    entry = AuditEntry.objects.get(action="loyaltytier.change")
    assert (entry.before["name"], entry.after["name"], entry.reason) == ("Silver", "Argent", "")
    assert outbox.pending("rewards.tiers") == 0


def test_a_renamed_tier_is_not_shown_as_a_move(boss, silver):
    with_points(1400)
    with_points(1600)
    page = boss.post(page_of(silver), form("Argent", 1500))
    assert "Silver Bronze 1 Move in all 1" in text(page)


def test_a_threshold_that_moves_nobody_says_so(boss, silver):
    page = boss.post(page_of(silver), form("Silver", 1500))
    assert "As points stand now, no member moves to another tier." in text(page)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (form("Silver", 5000), "Loyalty tier with this Min points already exists."),
        (form("Silver", -1), "Ensure this value is greater than or equal to 0."),
        (form("Silver", 2**70), "Ensure this value is less than or equal to 9223372036854775807."),
        (form("", 1000), "This field is required."),
        (form("Gold", 1000), "Loyalty tier with this Name already exists."),
        (form("Silver", 1000, "a\0b"), "Null characters are not allowed."),
    ],
)
def test_a_wrong_field_is_named_and_nothing_saved(boss, silver, fields, message):
    page = boss.post(page_of(silver), fields)
    assert page.status_code == 200
    assert message in text(page)
    assert AuditEntry.objects.filter(action__startswith="loyaltytier").count() == 0


def test_a_tier_with_members_is_kept(boss, silver):
    with_points(1400)
    body = {"confirm-reason": "Away", "_confirmed": "Delete"}
    arrived = boss.post(f"{LIST}{silver.pk}/delete/", body, follow=True)
    assert said(arrived) == [
        "Silver can't be deleted: 1 member is in it. Change its name or its threshold instead."
    ]
    assert LoyaltyTier.objects.filter(pk=silver.pk).exists()


def test_a_tier_that_options_ask_for_is_kept(boss, silver):
    arrived = boss.get(f"{LIST}{silver.pk}/delete/", follow=True)
    assert "redemption options ask for it" in said(arrived)[0]


def test_an_unused_tier_is_deleted_with_a_reason_and_audited(boss):
    tier = LoyaltyTier.objects.get(name="Platinum")
    path = f"{LIST}{tier.pk}/delete/"
    page = boss.get(path)
    assert "As points stand now, no member moves to another tier." in text(page)
    assert "This field is required." in text(boss.post(path, {"_confirmed": "Delete", "confirm-reason": ""}))
    arrived = boss.post(path, {"_confirmed": "Delete", "confirm-reason": "Nobody gets there"}, follow=True)
    assert said(arrived) == ["Loyalty tier Platinum is deleted."]
    assert not LoyaltyTier.objects.filter(name="Platinum").exists()
    entry = AuditEntry.objects.get(action="loyaltytier.delete")
    assert (entry.before["min_points"], entry.after, entry.reason) == (15000, {}, "Nobody gets there")


def test_who_may_only_look_changes_no_tier(staff, silver):
    clerk = staff("view_loyaltytier")
    assert clerk.get(page_of(silver)).status_code == 200
    assert clerk.post(page_of(silver), form("Silver", 1500)).status_code == 403
    assert clerk.post(f"{LIST}add/", form("Copper", 500)).status_code == 403
    assert clerk.post(f"{LIST}{silver.pk}/delete/", {"confirm-reason": "x"}).status_code == 403
    assert LoyaltyTier.objects.filter(min_points=1500).count() == 0


def test_chunks_that_could_not_be_judged_are_shown(boss):
    OutboxMessage.objects.create(
        subscriber="rewards.tiers", topic="tiers.rejudge", payload={}, tries=12, died_at=timezone.now()
    )
    assert "1 chunk of members could not be judged." in text(boss.get(LIST))


# --- the programme's basis, and its other settings ---------------------------------------------------------

PROGRAMME = "/admin/rewards/programme/1/change/"


def settings(**changed: object) -> dict[str, object]:
    return {
        "tier_basis": "lifetime",
        "hold_days": 0,
        "points_valid_months": 24,
        "restored_points_days": 30,
        "voucher_valid_days": 30,
        "point_value": "0.1000",
        "minimum_points": 0,
    } | changed


def test_the_programme_is_one_row_that_is_neither_added_nor_deleted(boss):
    assert boss.get("/admin/rewards/programme/")["Location"] == PROGRAMME
    assert boss.get("/admin/rewards/programme/add/").status_code == 403
    assert boss.post("/admin/rewards/programme/1/delete/", {"confirm-reason": "x"}).status_code == 403
    assert Programme.objects.count() == 1


def test_another_basis_shows_who_would_move_and_recalculates_when_confirmed(boss):
    spender = with_points(1200)
    adjust_points(user_id=spender.pk, points=-700, reason="spent", key="s", actor=SYSTEM, at=timezone.now())
    with_points(1200)
    page = boss.post(PROGRAMME, settings(tier_basis="current"))
    assert "Silver Bronze 1 Move in all 1" in text(page)
    assert Programme.objects.get().tier_basis == "lifetime"
    arrived = confirm(boss, PROGRAMME, page, "The app says so")
    assert "2 members will be judged by the new tiers" in said(arrived)[0]
    assert Programme.objects.get().tier_basis == "current"
    outbox.deliver("rewards.tiers")
    assert stored_tier(spender) == "Bronze"
    entry = AuditEntry.objects.get(action="programme.change")
    assert (entry.before["tier_basis"], entry.after["tier_basis"]) == ("lifetime", "current")


def test_other_settings_say_that_they_are_for_what_is_earned_from_now_on(boss):
    member = with_points(100)
    page = boss.post(PROGRAMME, settings(points_valid_months=""))
    assert "Points valid months 24 none" in text(page)
    assert (
        "The new validity is for points that are earned from now on: what members have keeps its date."
        in text(page)
    )
    assert "Move" not in text(page)
    confirm(boss, PROGRAMME, page)
    assert Programme.objects.get().points_valid_months is None
    assert outbox.pending("rewards.tiers") == 0
    assert balance(member.pk, at=timezone.now()).current_points == 100


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"hold_days": 28}, "Ensure this value is less than or equal to 27."),
        ({"points_valid_months": 0}, "Ensure this value is greater than or equal to 1."),
        ({"voucher_valid_days": 0}, "Ensure this value is greater than or equal to 1."),
        ({"tier_basis": "moon"}, "Select a valid choice. moon is not one of the available choices."),
    ],
)
def test_a_setting_out_of_range_is_named(boss, changed, message):
    assert message in text(boss.post(PROGRAMME, settings(**changed)))
    assert AuditEntry.objects.count() == 0
