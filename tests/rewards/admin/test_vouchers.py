"""Vouchers in the admin, and taking one back."""

from datetime import timedelta

import pytest
from django.utils import timezone

from core.models import AuditEntry
from rewards.models import PointsTransaction, UserVoucher
from rewards.services.redemption import redeem_option
from rewards.services.vouchers import reserve_voucher
from tests.rewards.admin.conftest import with_points
from tests.rewards.admin.pages import listed, said, text
from tests.rewards.ledger import assert_clean_books, deliver_order, points

pytestmark = pytest.mark.django_db

LIST = "/admin/rewards/uservoucher/"


@pytest.fixture
def member(db):
    return with_points(500, username="thandi")


@pytest.fixture
def voucher(member):
    return redeem_option(user_id=member.pk, option_id="voucher-10", offered=100, at=timezone.now()).voucher


def page_of(voucher: UserVoucher) -> str:
    return f"{LIST}{voucher.pk}/change/"


def take_back(voucher: UserVoucher) -> str:
    return f"{LIST}{voucher.pk}/take_back/"


def test_a_voucher_is_found_by_code_and_member(boss, voucher):
    other = with_points(500)
    redeem_option(user_id=other.pk, option_id="voucher-10", offered=100, at=timezone.now())
    for term in (voucher.code, voucher.code.lower()[:6], "thandi"):
        assert listed(boss.get(LIST, {"q": term})) == [voucher]


def test_the_status_is_the_clocks(boss, voucher):
    UserVoucher.objects.filter(pk=voucher.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert listed(boss.get(f"{LIST}?status=available")) == []
    page = boss.get(f"{LIST}?status=expired")
    assert listed(page) == [voucher]
    assert '<td class="field-status_now">Expired</td>' in page.content.decode()


def test_the_list_is_filtered_by_type(boss, voucher):
    assert listed(boss.get(f"{LIST}?type__exact=discount_voucher")) == [voucher]
    assert listed(boss.get(f"{LIST}?type__exact=free_shipping")) == []


def test_the_page_shows_what_was_paid(boss, voucher):
    page = text(boss.get(page_of(voucher)))
    assert f"Voucher {voucher.code}" in page
    assert "-100 Redeemed: R10 Off Voucher Why" in page
    assert "Take back and give points back" in page


def test_a_taking_back_is_explained_before_it_happens(boss, voucher):
    page = text(boss.get(take_back(voucher)))
    assert "The voucher (R10.00) can no longer be used." in page
    assert "100 points go back to thandi" in page
    voucher.refresh_from_db()
    assert voucher.status == "available"


def test_a_voucher_taken_back_gives_its_points_back_once(boss, member, voucher):
    for _ in range(2):
        arrived = boss.post(take_back(voucher), {"reason": "Bought by mistake"}, follow=True)
        assert said(arrived) == [f"Voucher {voucher.code} is taken back, and its points are thandi's again."]
    voucher.refresh_from_db()
    assert voucher.status == "expired"
    assert points(member, timezone.now()).current == 500
    assert PointsTransaction.objects.filter(transaction_type="restored").count() == 1
    entry = AuditEntry.objects.get(action="voucher.take_back")
    assert (entry.actor, entry.reason) == ("staff:boss", "Bought by mistake")
    assert entry.before == {"status": "available", "current_points": 400}
    assert entry.after == {"status": "expired", "current_points": 500, "points_restored": 100}
    assert "Take back and give points back" not in text(boss.get(page_of(voucher)))
    assert_clean_books()


@pytest.mark.parametrize("reason", ["", "  ", "a\0b", "x" * 501])
def test_a_taking_back_needs_a_reason(boss, member, voucher, reason):
    page = boss.post(take_back(voucher), {"reason": reason})
    assert page.status_code == 200
    assert page.context["form"].errors["reason"]
    assert points(member, timezone.now()).current == 400


def test_a_voucher_that_an_order_holds_is_not_taken_back(boss, member, voucher):
    order = deliver_order(member, 100, at=timezone.now(), accrue=False)
    reserve_voucher(user_id=member.pk, code=voucher.code, order_id=order.pk, at=timezone.now())
    assert "Take back and give points back" not in text(boss.get(page_of(voucher)))
    arrived = boss.post(take_back(voucher), {"reason": "x"}, follow=True)
    assert said(arrived) == ["Voucher can't be taken back: The voucher is reserved."]
    assert points(member, timezone.now()).current == 400


def test_taking_back_takes_its_own_permission(staff, member, voucher):
    looker = staff("view_uservoucher", "change_uservoucher")
    assert looker.get(take_back(voucher)).status_code == 403
    assert looker.post(take_back(voucher), {"reason": "x"}).status_code == 403
    assert "Take back" not in text(looker.get(page_of(voucher)))
    assert points(member, timezone.now()).current == 400
    staff("view_uservoucher", "take_back_voucher").post(take_back(voucher), {"reason": "x"})
    assert points(member, timezone.now()).current == 500


def test_an_unknown_voucher_is_not_found(boss):
    assert boss.get(f"{LIST}V0/take_back/").status_code == 404
