"""What all lists and pages of rewards have in common: fixed costs, read-only rows, words for nothing."""

import pytest
from django.contrib import admin
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from rewards.models import (
    EarningRule,
    LoyaltyTier,
    PointsTransaction,
    RedemptionOption,
    TierChange,
    UserPoints,
    UserVoucher,
)
from rewards.services.redemption import redeem_option
from tests.rewards.admin.conftest import with_points
from tests.rewards.admin.pages import listed, text
from tests.rewards.ledger import day, deliver_order, make_member

pytestmark = pytest.mark.django_db

READ_ONLY = ["userpoints", "pointstransaction", "uservoucher", "tierchange"]


def path(name: str) -> str:
    return f"/admin/rewards/{name}/"


def grow(count: int) -> None:
    """Make so many more rows of everything, each of a member and an order of its own."""
    for _ in range(count):
        member = make_member()
        deliver_order(member, 6000, at=day(0))
        redeem_option(user_id=member.pk, option_id="voucher-10", offered=100, at=day(1))
        number = LoyaltyTier.objects.count()
        tier = LoyaltyTier.objects.create(name=f"Tier {number}", min_points=10**6 + number)
        EarningRule.objects.create(name=f"Rule {number}", rule_type="signup", is_active=False)
        RedemptionOption.objects.create(
            id=f"option-{number}", type="free_shipping", name="x", points_required=1, min_tier=tier
        )


@pytest.mark.parametrize("name", [*READ_ONLY, "loyaltytier", "earningrule", "redemptionoption"])
def test_a_list_costs_the_same_for_one_row_and_for_fifty(boss, name):
    grow(1)
    boss.get(path(name))
    with CaptureQueriesContext(connection) as one:
        boss.get(path(name))
    grow(49)
    with CaptureQueriesContext(connection) as fifty:
        page = boss.get(path(name))
    assert len(listed(page)) >= 50
    assert len(fifty) == len(one)


@pytest.mark.parametrize("name", READ_ONLY)
def test_a_search_costs_the_same_for_one_row_and_for_fifty(boss, name):
    grow(1)
    boss.get(path(name), {"q": "member"})
    with CaptureQueriesContext(connection) as one:
        boss.get(path(name), {"q": "member"})
    grow(49)
    with CaptureQueriesContext(connection) as fifty:
        page = boss.get(path(name), {"q": "member"})
    assert len(listed(page)) >= 50
    assert len(fifty) == len(one)


def test_a_members_page_costs_the_same_for_one_line_and_for_fifty(boss):
    member = make_member()

    def go_on(count: int, since: int) -> None:
        for number in range(since, since + count):
            deliver_order(member, 6000, at=day(number))
            redeem_option(user_id=member.pk, option_id="voucher-10", offered=100, at=day(number))

    go_on(1, 0)
    page = f"{path('userpoints')}{UserPoints.objects.get(user=member).pk}/change/"
    boss.get(page)
    with CaptureQueriesContext(connection) as one:
        boss.get(page)
    go_on(49, 1)
    with CaptureQueriesContext(connection) as fifty:
        boss.get(page)
    assert len(fifty) == len(one)


@pytest.mark.parametrize("name", READ_ONLY)
def test_rows_are_looked_at_and_neither_added_changed_nor_deleted(boss, name):
    grow(1)
    model = {
        "userpoints": UserPoints,
        "pointstransaction": PointsTransaction,
        "uservoucher": UserVoucher,
        "tierchange": TierChange,
    }[name]
    row = model.objects.first()
    before = model.objects.filter(pk=row.pk).values().get()
    page = f"{path(name)}{row.pk}/change/"
    assert boss.get(page).status_code == 200
    assert boss.post(page, {"points": 5, "status": "used"}).status_code == 403
    assert boss.get(f"{path(name)}add/").status_code == 403
    assert boss.post(f"{path(name)}{row.pk}/delete/", {"post": "yes"}).status_code == 403
    body = {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"}
    boss.post(path(name), body)
    assert model.objects.filter(pk=row.pk).values().get() == before


@pytest.mark.parametrize("name", [*READ_ONLY, "loyaltytier", "earningrule", "redemptionoption", "programme"])
def test_a_page_needs_its_own_permission(staff, name):
    grow(1)
    assert staff().get(path(name), follow=True).status_code == 403
    assert staff(f"view_{name}").get(path(name), follow=True).status_code == 200


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("userpoints", "No member has points yet."),
        ("pointstransaction", "The ledger has no lines yet."),
        ("uservoucher", "No member has redeemed points for a voucher yet."),
        ("tierchange", "No member has moved between tiers yet."),
    ],
)
def test_an_empty_list_says_what_would_be_there(boss, name, sentence):
    assert sentence in text(boss.get(path(name)))
    with_points(5)
    page = text(boss.get(path(name), {"q": "nobody-at-all"}))
    assert "Nothing matches. Show everything" in page
    assert sentence not in page


@pytest.mark.parametrize("term", ["\0", "%", "'; --", "9" * 40, "é", "a" * 5000, "²", "order:", "voucher:V"])
@pytest.mark.parametrize("name", [*READ_ONLY, "redemptionoption"])
def test_any_search_is_answered(boss, name, term):
    grow(1)
    assert boss.get(path(name), {"q": term}).status_code == 200


@pytest.mark.parametrize("name", READ_ONLY)
@pytest.mark.parametrize("key", ["0", "x", "9" * 30, "a%b"])
def test_a_row_that_is_not_there_leads_home(boss, name, key):
    response = boss.get(f"{path(name)}{key}/change/")
    assert (response.status_code, response["Location"]) == (302, "/admin/")


def test_times_are_local(boss):
    member = make_member()
    deliver_order(member, 6000, at=day(0))  # 10:00 in Johannesburg
    assert "2 Mar 2026, 10:00" in text(boss.get(path("pointstransaction")))
    line = PointsTransaction.objects.get()
    assert "2 Mar 2026, 10:00:00" in text(boss.get(f"{path('pointstransaction')}{line.pk}/change/"))


def test_the_site_has_the_shops_name(boss):
    assert admin.site.site_header == "MarketHub"
    assert timezone.get_current_timezone_name() == "Africa/Johannesburg"
    assert "MarketHub" in text(boss.get("/admin/"))
