"""The ledger in the admin: found, explained, proved."""

from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.utils import timezone

from core import long_lists
from core.contracts import SYSTEM
from orders.models import Order
from rewards.models import PointsTransaction, UserPoints
from rewards.services.adjustment import adjust_points
from rewards.services.redemption import redeem_option
from rewards.services.vouchers import take_back_voucher
from tests.rewards.admin.conftest import with_points
from tests.rewards.admin.pages import listed, text
from tests.rewards.ledger import ZONE, day, deliver_order, make_member, return_pieces

pytestmark = pytest.mark.django_db

LIST = "/admin/rewards/pointstransaction/"


def why(boss, line: PointsTransaction) -> str:
    return text(boss.get(f"{LIST}{line.pk}/change/"))


@pytest.fixture
def shopper():
    """A member who bought, redeemed and returned."""
    member = make_member(username="thandi")
    order = deliver_order(member, "1234.50", at=day(0), qty=3)
    redeem_option(user_id=member.pk, option_id="voucher-10", offered=100, at=day(1))
    return_pieces(order, 1, at=day(2))
    return member


def test_a_line_is_found_by_member_order_voucher_and_natural_key(boss, shopper):
    deliver_order(make_member(), 500, at=day(3))
    order = Order.objects.get(user=shopper)
    redeemed = PointsTransaction.objects.select_related("voucher").get(transaction_type="redeemed")
    keys = {line.natural_key for line in PointsTransaction.objects.filter(user=shopper)}

    def found(term):
        return {line.natural_key for line in listed(boss.get(LIST, {"q": term}))}

    assert found("thandi") == keys
    assert found(order.number) == {f"order:{order.pk}:purchase", f"order:{order.pk}:keeps:82"}
    assert found(f"order:{order.pk}:purchase") == {f"order:{order.pk}:purchase"}
    assert found(f"order:{order.pk}") == {f"order:{order.pk}:purchase", f"order:{order.pk}:keeps:82"}
    assert found(redeemed.voucher.code) == {redeemed.natural_key}
    assert found(redeemed.natural_key) == {redeemed.natural_key}
    assert found("order:999999999999:purchase") == set()
    assert found("order:99999999999999999999999:purchase") == set()
    assert found("adjust:nothing") == set()
    assert found("nobody") == set()


def test_an_adjustment_is_found_by_its_key(boss):
    member = make_member()
    adjust_points(user_id=member.pk, points=5, reason="r", key="k-1", actor=SYSTEM, at=timezone.now())
    assert [line.natural_key for line in listed(boss.get(LIST, {"q": "adjust:k-1"}))] == ["adjust:k-1"]


def test_the_list_is_filtered_by_type_and_by_member(boss, shopper):
    deliver_order(make_member(), 500, at=day(3))
    redeemed = listed(boss.get(f"{LIST}?transaction_type__exact=redeemed"))
    assert [line.points for line in redeemed] == [-100]
    page = boss.get(f"{LIST}?user__id__exact={shopper.pk}")
    assert [line.points for line in listed(page)] == [-41, -100, 123]
    assert "of thandi" in text(page)


@pytest.mark.parametrize("member", ["x", "9" * 30, "-1", "0"])
def test_a_nonsense_member_in_the_address_is_no_failure(boss, member):
    assert boss.get(f"{LIST}?user__id__exact={member}").status_code in (200, 302)


def test_the_dates_narrow_the_list(boss, shopper):
    old = deliver_order(make_member(), 500, at=day(-400))
    page = boss.get(LIST)
    assert "2025 2026" in text(page)
    assert [line.order_id for line in listed(boss.get(f"{LIST}?effective_at__year=2025"))] == [old.pk]
    march = boss.get(f"{LIST}?effective_at__year=2026&effective_at__month=3")
    assert len(listed(march)) == 3
    assert "March 2 March 3 March 4" in text(march)


def test_every_period_between_the_first_and_the_last_is_offered(boss):
    for when in (-800, -2, 0):
        deliver_order(make_member(), 500, at=day(when))
    assert "2023 2024 2025 2026 " in text(boss.get(LIST))
    assert "All dates February 2026 March 2026 " in text(boss.get(f"{LIST}?effective_at__year=2026"))
    days = boss.get(f"{LIST}?effective_at__year=2026&effective_at__month=3")
    assert "2026 March 2 " in text(days)


def test_a_period_is_a_local_one(boss):
    late = datetime(2025, 12, 31, 23, 30, tzinfo=ZONE)
    for when in (late - timedelta(days=400), late, late + timedelta(hours=1)):
        deliver_order(make_member(), 500, at=when)
    page = boss.get(f"{LIST}?effective_at__year=2025")
    assert [line.effective_at for line in listed(page)] == [late]
    assert "All dates December 2025 " in text(page)


def test_an_earn_is_explained_by_its_rule_and_arithmetic(boss, shopper):
    earned = PointsTransaction.objects.get(user=shopper, transaction_type="earned")
    page = why(boss, earned)
    order = Order.objects.get(user=shopper)
    assert f"123 points were earned on 2 March 2026 for order {order.number}: R1234.50 at 0.1" in page
    assert "Rule Purchase Points, version 1 Basis R1234.50 Rate 0.10 points per rand" in page
    assert "Arithmetic R1234.50 × 0.1 = 123.45, rounded down 123" in page
    assert "Expired Spendable from Last day 123 0 100 23 0 0 2 Mar 2026, 10:00 2 Mar 2028" in page
    assert f"Natural key order:{order.pk}:purchase" in page


def test_a_return_is_explained_by_what_was_kept(boss, shopper):
    reversed_ = PointsTransaction.objects.get(user=shopper, transaction_type="reversed")
    page = why(boss, reversed_)
    assert "R823.00 of R1234.50 was kept, which earns 82 of the 123 points." in page
    assert "Basis R823.00 kept of R1234.50" in page
    assert f"Takes back line {reversed_.related_id}" in page
    assert "Where the points came from Points Of Earned Last day 23 Purchase" in page
    assert "18 owed: they were no longer there" in page


def test_a_restoration_says_where_the_points_went(boss):
    member = with_points(500)
    voucher = redeem_option(user_id=member.pk, option_id="voucher-10", offered=100, at=timezone.now()).voucher
    take_back_voucher(voucher_id=voucher.pk, reason="Wrong one", actor=SYSTEM, at=timezone.now())
    restored = PointsTransaction.objects.get(transaction_type="restored")
    page = why(boss, restored)
    assert "Where the points went back to Points Of Earned Last day -100 Adjustment: given" in page
    assert '"reason": "Wrong one"' in page


def test_counting_stops_at_a_limit_and_says_so(boss, shopper, monkeypatch):
    monkeypatch.setattr(long_lists, "MOST_COUNTED", 2)
    assert "more than 2 points transactions" in text(boss.get(LIST))


def test_the_audit_runs_when_asked_and_names_who_is_wrong(boss, shopper):
    assert "Check the ledger" in boss.get(f"{LIST}audit/").content.decode()
    clean = text(boss.post(f"{LIST}audit/"))
    assert "The books are right 1 members, 3 ledger lines, -18 points" in clean
    UserPoints.objects.filter(user=shopper).update(debt_points=1)
    broken = text(boss.post(f"{LIST}audit/"))
    assert "The books are not right" in broken
    assert f"current + pending - debt = sum of ledger points 1 {shopper.pk}" in broken


def test_a_ledger_too_long_for_a_page_is_left_to_the_command(boss, shopper, monkeypatch):
    monkeypatch.setattr("rewards.admin.ledger.MOST_AUDITED", 0)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE points_transactions")
    for page in (boss.get(f"{LIST}audit/"), boss.post(f"{LIST}audit/")):
        assert "an operator runs manage.py audit_ledger" in text(page)
        assert "Check the ledger" not in page.content.decode()
        assert "The books are" not in text(page)


def test_the_audit_is_for_superusers(staff):
    clerk = staff("view_pointstransaction", "change_pointstransaction")
    assert clerk.get(f"{LIST}audit/").status_code == 403
    assert clerk.post(f"{LIST}audit/").status_code == 403
    assert "Ledger audit" not in text(clerk.get(LIST))
