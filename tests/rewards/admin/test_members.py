"""Members' points in the admin: the page of one, and adjusting by hand, once."""

from datetime import timedelta
from uuid import uuid4

import pytest
import time_machine
from django.utils import timezone

from core.contracts import SYSTEM
from core.models import AuditEntry
from rewards.models import PointsTransaction, UserPoints
from rewards.services.adjustment import adjust_points
from rewards.services.redemption import redeem_option
from tests.rewards.admin.conftest import with_points
from tests.rewards.admin.pages import listed, said, text
from tests.rewards.ledger import DAY, assert_clean_books, deliver_order, make_member, points, set_programme

pytestmark = pytest.mark.django_db

LIST = "/admin/rewards/userpoints/"


def page_of(member) -> str:
    return f"{LIST}{UserPoints.objects.get(user=member).pk}/change/"


def adjust_page(member) -> str:
    return f"{LIST}adjust/{member.pk}/"


def form(amount: object, reason: str = "Sorry for the delay", key: str = "", **more: str) -> dict[str, str]:
    return {"points": str(amount), "reason": reason, "key": key or str(uuid4()), **more}


@pytest.mark.parametrize(
    "term", ["thand", "thandi", "T@Example.com", "+27 82 123 4567", "ext-7", "ext"], ids=str
)
def test_a_member_is_found_by_any_name(boss, term):
    with_points(5, username="thandi", email="t@example.com", phone="+27821234567", external_id="ext-7")
    with_points(5, username="sipho", email="s@example.com")
    found = listed(boss.get(LIST, {"q": term}))
    assert [account.user.username for account in found] == ["thandi"]


def test_a_member_is_found_by_id(boss):
    member = with_points(5)
    assert [account.user_id for account in listed(boss.get(LIST, {"q": str(member.pk)}))] == [member.pk]


def test_the_list_is_filtered_by_tier_and_by_debt(boss):
    rich, owing = with_points(2000), with_points(10)
    adjust_points(user_id=owing.pk, points=-30, reason="r", key="d", actor=SYSTEM, at=timezone.now())
    silver = UserPoints.objects.get(user=rich).tier_id
    assert [account.user_id for account in listed(boss.get(f"{LIST}?tier__id__exact={silver}"))] == [rich.pk]
    assert [account.user_id for account in listed(boss.get(f"{LIST}?debt=yes"))] == [owing.pk]
    assert [account.user_id for account in listed(boss.get(f"{LIST}?debt=no"))] == [rich.pk]


def test_the_list_is_ordered_by_points(boss):
    for amount in (5, 700, 30):
        with_points(amount)
    assert [account.current_points for account in listed(boss.get(f"{LIST}?o=-2"))] == [700, 30, 5]


def test_a_page_shows_balance_lots_history_tiers_and_vouchers(boss):
    set_programme(hold_days=5)
    member = make_member(username="thandi", first_name="Thandi", last_name="Nkosi", email="t@example.com")
    now = timezone.now()
    deliver_order(member, 12000, at=now - 10 * DAY)
    deliver_order(member, 500, at=now - DAY)
    voucher = redeem_option(user_id=member.pk, option_id="voucher-10", offered=100, at=now).voucher
    page = text(boss.get(page_of(member)))
    assert "Points of thandi" in page
    assert "Thandi Nkosi · t@example.com" in page
    assert "To spend 1,100 Held 50 Owed 0 Lifetime 1,250" in page
    assert "Tier Silver 3,750 points to Gold, judged by 1,250" in page
    assert "1,100 1,200 open" in page
    assert "50 50 held until" in page
    assert "-100 Redeemed Redeemed: R10 Off Voucher Why" in page
    assert "All 3 lines in the ledger" in page
    assert f"{voucher.code} R10 Off Voucher R10.00 available" in page
    assert "no tier Silver 1,200 Points moved" in page


def test_a_page_follows_the_clock_and_not_the_jobs(boss):
    set_programme(points_valid_months=1)
    member = make_member()
    deliver_order(member, 1000, at=timezone.now() - timedelta(days=20))
    account = UserPoints.objects.get(user=member)
    set_programme(points_valid_months=24)
    with time_machine.travel(timezone.now() + timedelta(days=20)):
        boss.force_login(make_member(is_staff=True, is_superuser=True))
        page = text(boss.get(page_of(member)))
    assert "To spend 0 Held 0 Owed 0 Lifetime 100" in page
    assert "Points that are gone Earned Left Of State Last day" in page
    account.refresh_from_db()
    assert account.current_points == 100


def test_a_page_of_somebody_with_nothing_reads_well(boss):
    member = make_member()
    UserPoints.objects.create(user=member)
    page = text(boss.get(page_of(member)))
    assert "Nothing has happened yet." in page
    assert "Tier Bronze 1,000 points to Silver" in page


def test_a_link_by_member_leads_to_the_page(boss):
    member = with_points(5)
    assert boss.get(f"{LIST}of/{member.pk}/")["Location"] == page_of(member)
    arrived = boss.get(f"{LIST}of/{make_member().pk}/", follow=True)
    assert said(arrived) == ["This member has no points yet."]


def test_an_adjustment_is_previewed_and_changes_nothing_yet(boss):
    member = with_points(900)
    page = boss.post(adjust_page(member), form(200))
    assert "Points to spend 900 1,100 Points owed 0 0" in text(page)
    assert "Lifetime points 900 1,100 Tier Bronze Silver" in text(page)
    assert "+200 points ; the member reads in their history: “Adjustment: Sorry for the delay”." in text(page)
    assert PointsTransaction.objects.filter(user=member).count() == 1
    assert AuditEntry.objects.filter(actor="staff:boss").count() == 0


def test_a_preview_of_a_taking_shows_the_debt(boss):
    member = with_points(30)
    page = boss.post(adjust_page(member), form(-100))
    assert "Points to spend 30 0 Points owed 0 70 Lifetime points 30 30" in text(page)
    assert "the next points that the member gets repay what is owed" in text(page)


@pytest.mark.parametrize("basis", ["lifetime", "rolling_year", "current"])
@pytest.mark.parametrize("amount", [-1200, -30, 40, 4000])
def test_a_preview_tells_what_the_adjustment_then_does(boss, basis, amount):
    set_programme(tier_basis=basis)
    member = with_points(1000)
    adjust_points(user_id=member.pk, points=-20, reason="r", key="t", actor=SYSTEM, at=timezone.now())
    preview = boss.post(adjust_page(member), form(amount)).context["preview"]
    boss.post(adjust_page(member), form(amount, _confirmed="Adjust"))
    account = UserPoints.objects.select_related("tier").get(user=member)
    assert preview.after == {
        "current_points": account.current_points,
        "debt_points": account.debt_points,
        "lifetime_points": account.lifetime_points,
    }
    assert preview.tier_after == account.tier.name


def test_a_confirmed_adjustment_is_posted_and_audited(boss):
    member = with_points(900)
    arrived = boss.post(adjust_page(member), form(200, _confirmed="Adjust"), follow=True)
    assert said(arrived) == ["Adjusted by +200: 1,100 points to spend, 0 owed."]
    assert arrived.redirect_chain[-1][0] == page_of(member)
    entry = AuditEntry.objects.get(actor="staff:boss")
    assert (entry.action, entry.target) == ("points.adjust", f"rewards.userpoints:{member.pk}")
    assert entry.reason == "Sorry for the delay"
    assert entry.before == {"current_points": 900, "debt_points": 0, "lifetime_points": 900}
    assert entry.after == {
        "current_points": 1100, "debt_points": 0, "lifetime_points": 1100, "points": 200,
    }  # fmt: skip
    assert_clean_books()


def test_an_adjustment_submitted_twice_takes_effect_once(boss):
    member = with_points(900)
    body = form(-300, _confirmed="Adjust")
    boss.post(adjust_page(member), body)
    again = boss.post(adjust_page(member), body, follow=True)
    assert said(again)[-1] == "This was adjusted before, once: 600 points to spend, 0 owed."
    assert points(member, timezone.now()).current == 600
    assert AuditEntry.objects.filter(actor="staff:boss").count() == 1


def test_the_key_of_a_form_lasts_from_the_first_page_to_the_last(boss):
    member = with_points(900)
    first = boss.get(adjust_page(member)).context["form"]["key"].value()
    page = boss.post(adjust_page(member), form(5, key=str(first)))
    assert f'value="{first}"' in page.content.decode()
    assert boss.get(adjust_page(member)).context["form"]["key"].value() != first


def test_a_key_of_another_amount_is_refused_in_words(boss):
    member = with_points(900)
    body = form(-300, _confirmed="Adjust")
    boss.post(adjust_page(member), body)
    arrived = boss.post(adjust_page(member), body | {"points": -5}, follow=True)
    assert said(arrived)[-1] == "The key belongs to another adjustment: It adjusted -300 points."
    assert points(member, timezone.now()).current == 600


def test_back_from_the_preview_keeps_what_was_typed(boss):
    member = with_points(900)
    page = boss.post(adjust_page(member), form(55, _back="Back to the form"))
    assert 'name="points" value="55"' in page.content.decode()
    assert "What it does" not in text(page)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (form(0), "Zero points change nothing."),
        (form("many"), "Enter a whole number."),
        (form(10**9 + 1), "Ensure this value is less than or equal to 1000000000."),
        (form(""), "This field is required."),
        (form(5, "  "), "This field is required."),
        (form(5, "x" * 201), "Ensure this value has at most 200 characters (it has 201)."),
        (form(5, "a\0b"), "Null characters are not allowed."),
        (form(5, key="again"), "Enter a valid UUID."),
    ],
)
def test_a_wrong_adjustment_names_the_field_and_changes_nothing(boss, body, message):
    member = with_points(900)
    page = boss.post(adjust_page(member), body | {"_confirmed": "Adjust"})
    assert page.status_code == 200
    assert message in text(page)
    assert points(member, timezone.now()).current == 900


def test_somebody_without_points_gets_their_first_by_hand(boss):
    member = make_member(username="newcomer")
    find = f"{LIST}adjust/"
    assert boss.post(find, {"member": "newcomer"})["Location"] == adjust_page(member)
    boss.post(adjust_page(member), form(50, _confirmed="Adjust"))
    assert points(member, timezone.now()).current == 50


@pytest.mark.parametrize(("term", "count"), [("nobody", "0 members"), ("twin", "2 members"), ("", "")])
def test_an_unclear_name_is_asked_again(boss, term, count):
    make_member(username="twin-a")
    make_member(username="twin-b")
    page = text(boss.post(f"{LIST}adjust/", {"member": term}))
    assert (f"{count} are called that: it takes exactly one." if count else "This field is required.") in page


def test_an_unknown_member_is_not_found(boss):
    assert boss.get(f"{LIST}adjust/999999/").status_code == 404


def test_adjusting_takes_its_own_permission(staff):
    member = with_points(900)
    looker, adjuster = (
        staff("view_userpoints", "change_userpoints"),
        staff("view_userpoints", "adjust_points"),
    )
    assert looker.get(adjust_page(member)).status_code == 403
    assert looker.post(adjust_page(member), form(5, _confirmed="Adjust")).status_code == 403
    assert looker.get(f"{LIST}adjust/").status_code == 403
    assert "Adjust points" not in text(looker.get(page_of(member)))
    assert points(member, timezone.now()).current == 900
    assert "Adjust points" in text(adjuster.get(page_of(member)))
    adjuster.post(adjust_page(member), form(5, _confirmed="Adjust"))
    assert points(member, timezone.now()).current == 905


def test_a_visitor_is_sent_to_sign_in(client):
    member = with_points(900)
    for path in (LIST, page_of(member), adjust_page(member)):
        assert client.get(path)["Location"].startswith("/admin/login/?next=")
