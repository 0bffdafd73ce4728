"""Earning rules and redemption options in the admin."""

import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from django.db import connection, transaction
from django.utils import timezone

from catalog.models import Category
from core.models import AuditEntry
from rewards.models import EarningRule, LoyaltyTier, RedemptionOption
from rewards.services.redemption import redeem_option
from tests.rewards.admin.conftest import with_points
from tests.rewards.admin.pages import confirm, listed, said, text
from tests.rewards.ledger import day, deliver_order, make_member

pytestmark = pytest.mark.django_db

RULES = "/admin/rewards/earningrule/"
OPTIONS = "/admin/rewards/redemptionoption/"


def rule_form(**changed: object) -> dict[str, object]:
    return {
        "name": "Purchase Points",
        "description": "1 point for every R10 spent",
        "rule_type": "purchase",
        "points_per_rand": "0.10",
        "points_amount": 0,
        "is_active": "on",
    } | changed


@pytest.fixture
def purchase() -> EarningRule:
    return EarningRule.objects.get(rule_type="purchase")


def test_a_rate_is_shown_by_what_orders_earn_today_and_after(boss, purchase):
    path = f"{RULES}{purchase.pk}/change/"
    page = boss.post(path, rule_form(points_per_rand="0.2"))
    assert "A R250 order earns 25 points today, 50 after." in text(page)
    assert "A R1,000 order earns 100 points today, 200 after." in text(page)
    purchase.refresh_from_db()
    assert (purchase.points_per_rand, purchase.version) == (Decimal("0.10"), 1)
    confirm(boss, path, page, "Spring")
    purchase.refresh_from_db()
    assert (purchase.points_per_rand, purchase.version) == (Decimal("0.20"), 2)
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.reason) == ("earningrule.change", "Spring")
    assert (entry.before["points_per_rand"], entry.before["version"]) == ("0.10", 1)
    assert (entry.after["points_per_rand"], entry.after["version"]) == ("0.20", 2)
    assert "0.20 per rand (50 points for R250)" in text(boss.get(RULES))


def test_a_deactivated_rule_earns_nothing_after(boss):
    rule = EarningRule.objects.get(rule_type="review")
    form = rule_form(name=rule.name, rule_type="review", points_per_rand=0, points_amount=50, is_active="")
    page = boss.post(f"{RULES}{rule.pk}/change/", form)
    assert "A review earns 50 points today, 0 after." in text(page)


def test_a_rule_that_changes_its_type_takes_and_gives(boss):
    rule = EarningRule.objects.get(rule_type="review")
    form = rule_form(name=rule.name, rule_type="signup", points_per_rand=0, points_amount=50)
    page = text(boss.post(f"{RULES}{rule.pk}/change/", form))
    assert "A review earns 50 points today, 0 after. A sign-up earns 0 points today, 50 after." in page


def test_a_second_active_rule_of_a_type_is_refused_at_the_field(boss):
    page = boss.post(f"{RULES}add/", rule_form(name="Double points"))
    assert page.status_code == 200
    assert page.context["adminform"].form.errors == {
        "is_active": ["Purchase Points is active for this type: deactivate it before this one is."]
    }
    assert EarningRule.objects.filter(rule_type="purchase").count() == 1


def test_an_inactive_rule_beside_the_active_one_earns_nothing_yet(boss):
    path = f"{RULES}add/"
    page = boss.post(path, rule_form(name="Double points", points_per_rand="0.20", is_active=""))
    assert "Nothing earns more or less: the rule stays inactive." in text(page)
    confirm(boss, path, page)
    assert EarningRule.objects.filter(rule_type="purchase", is_active=False).count() == 1
    page = confirm(boss, path, page)
    assert "Somebody changed the programme since you looked." in text(page)
    assert EarningRule.objects.filter(rule_type="purchase").count() == 2


@pytest.mark.django_db(transaction=True)
def test_a_rule_activated_by_two_at_once_is_a_message_and_no_failure(boss, purchase):
    EarningRule.objects.update(is_active=False)
    other = EarningRule.objects.create(rule_type="purchase", name="Other", is_active=False)
    path = f"{RULES}{other.pk}/change/"
    preview = boss.post(path, rule_form(name="Other"))
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            # Not visible to the form's own check: only the database's index sees it, and waits for it.
            EarningRule.objects.filter(pk=purchase.pk).update(is_active=True, updated_at=purchase.updated_at)
            answer = pool.submit(closing_connection, lambda: confirm(boss, path, preview))
            wait_for_a_blocked_statement()
        arrived = answer.result(timeout=10)
    assert said(arrived) == [
        "Nothing was saved: somebody else has just saved something that this does not go with."
    ]
    assert list(EarningRule.objects.filter(is_active=True)) == [purchase]
    assert AuditEntry.objects.count() == 0


def closing_connection(work):
    try:
        return work()
    finally:
        connection.close()


def wait_for_a_blocked_statement() -> None:
    until = time.monotonic() + 10
    while time.monotonic() < until:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT EXISTS (SELECT FROM pg_locks"
                " WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid)))"
            )
            if cursor.fetchone() == (True,):
                return
        time.sleep(0.02)
    pytest.fail("nothing waits for the lock")


def test_rules_are_never_deleted(boss, purchase):
    assert boss.post(f"{RULES}{purchase.pk}/delete/", {"confirm-reason": "x"}).status_code == 403
    assert EarningRule.objects.filter(pk=purchase.pk).exists()


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"points_per_rand": "-1"}, "points_per_rand"),
        ({"points_per_rand": "1000"}, "points_per_rand"),
        ({"points_per_rand": "0.125"}, "points_per_rand"),
        ({"points_amount": "-1"}, "points_amount"),
        ({"rule_type": "gift"}, "rule_type"),
        ({"name": ""}, "name"),
    ],
)
def test_a_wrong_rule_names_the_field(boss, purchase, changed, field):
    page = boss.post(f"{RULES}{purchase.pk}/change/", rule_form(**changed))
    assert list(page.context["adminform"].form.errors) == [field]


def test_lines_earned_before_keep_their_rule(boss, purchase):
    member = make_member()
    deliver_order(member, 250, at=day(0))
    path = f"{RULES}{purchase.pk}/change/"
    confirm(boss, path, boss.post(path, rule_form(points_per_rand="0.2")))
    page = text(boss.get(f"/admin/rewards/pointstransaction/?q={member.username}"))
    assert "+25" in page


# --- redemption options ------------------------------------------------------------------------------------


def option_form(**changed: object) -> dict[str, object]:
    return {
        "name": "R10 Off Voucher",
        "description": "R10 off your next order",
        "type": "discount_voucher",
        "value": "10.00",
        "category": "",
        "points_required": 100,
        "min_tier": LoyaltyTier.objects.get(name="Bronze").pk,
        "is_active": "on",
    } | changed


def test_a_new_price_says_how_many_members_can_pay_it(boss):
    for points in (100, 150, 200):
        with_points(points)
    path = f"{OPTIONS}voucher-10/change/"
    page = boss.post(path, option_form(points_required=150))
    assert "Points required 100 150" in text(page)
    assert (
        "Today 3 members have the points and the tier for it; after saving 2 members have the points and the"
        " tier for it." in text(page)
    )
    confirm(boss, path, page, "Dearer")
    assert RedemptionOption.objects.get(pk="voucher-10").points_required == 150
    assert AuditEntry.objects.get(action="redemptionoption.change").reason == "Dearer"


def test_a_higher_tier_leaves_fewer_members(boss):
    for points in (100, 1000, 2000):
        with_points(points)
    silver = LoyaltyTier.objects.get(name="Silver")
    page = boss.post(f"{OPTIONS}voucher-10/change/", option_form(min_tier=silver.pk))
    assert "Min tier Bronze Silver" in text(page)
    assert "Today 3 members have the points" in text(page)
    assert "after saving 2 members have the points" in text(page)


def test_a_deactivated_option_is_for_nobody(boss):
    page = boss.post(f"{OPTIONS}voucher-10/change/", option_form(is_active=""))
    assert "after saving nobody can redeem it." in text(page)


def test_the_id_of_a_new_option_follows_its_name_and_stays(boss):
    add = boss.get(f"{OPTIONS}add/").content.decode()
    assert "&quot;dependency_ids&quot;: [&quot;#id_name&quot;]" in add
    assert 'name="id"' not in boss.get(f"{OPTIONS}voucher-10/change/").content.decode()
    path = f"{OPTIONS}add/"
    page = boss.post(path, option_form(id="voucher-5", name="R5", value=5))
    assert not RedemptionOption.objects.filter(pk="voucher-5").exists()
    confirm(boss, path, page)
    assert RedemptionOption.objects.get(pk="voucher-5").value == 5
    again = boss.post(path, option_form(id="voucher-5", name="R5", value=5))
    assert again.context["adminform"].form.errors["id"] == ["Redemption option with this Id already exists."]


@pytest.mark.parametrize(
    ("changed", "errors"),
    [
        ({"type": "category_discount"}, {"category": ["A category discount needs a category."]}),
        ({"category": True}, {"category": ["Only a category discount has a category."]}),
        (
            {"type": "category_discount", "category": True, "value": "101"},
            {"value": ["A percentage is 100 at most."]},
        ),
        ({"points_required": 0}, {"points_required": ["Ensure this value is greater than or equal to 1."]}),
        ({"points_required": ""}, {"points_required": ["This field is required."]}),
        ({"value": "-1"}, {"value": ["Ensure this value is greater than or equal to 0."]}),
    ],
)
def test_a_wrong_option_names_the_field(boss, changed, errors):
    category = Category.objects.create(name="Lamps", slug="lamps")
    form = option_form(**changed)
    if form["category"]:
        form["category"] = category.pk
    page = boss.post(f"{OPTIONS}voucher-10/change/", form)
    assert page.context["adminform"].form.errors == errors


def test_a_category_discount_is_saved(boss):
    category = Category.objects.create(name="Lamps", slug="lamps")
    path = f"{OPTIONS}add/"
    form = option_form(id="lamps-15", name="Lamps", type="category_discount", category=category.pk, value=15)
    confirm(boss, path, boss.post(path, form))
    assert RedemptionOption.objects.get(pk="lamps-15").category == category
    assert "15 %" in text(boss.get(OPTIONS))


def test_an_option_with_vouchers_is_kept_and_one_without_deleted(boss):
    member = with_points(500)
    redeem_option(user_id=member.pk, option_id="voucher-10", offered=100, at=timezone.now())
    body = {"confirm-reason": "Old", "_confirmed": "Delete"}
    arrived = boss.post(f"{OPTIONS}voucher-10/delete/", body, follow=True)
    assert said(arrived) == [
        "R10 Off Voucher can't be deleted: members have vouchers of it. Deactivate it instead."
    ]
    assert RedemptionOption.objects.filter(pk="voucher-10").exists()
    page = text(boss.get(f"{OPTIONS}free-shipping/delete/"))
    assert "Today 1 member has the points and the tier for it; after deleting nobody can redeem it." in page
    boss.post(f"{OPTIONS}free-shipping/delete/", body)
    assert not RedemptionOption.objects.filter(pk="free-shipping").exists()
    assert AuditEntry.objects.get(action="redemptionoption.delete").reason == "Old"


def test_options_are_filtered_and_searched(boss):
    for query, found in (("type__exact=free_shipping", "free-shipping"), ("q=R25", "voucher-25")):
        assert [option.pk for option in listed(boss.get(f"{OPTIONS}?{query}"))] == [found]
