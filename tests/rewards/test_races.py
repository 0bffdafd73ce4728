"""What happens when everything happens at once: threads, each with a connection of its own."""

from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from core import outbox
from core.contracts import SYSTEM
from core.errors import NotFound
from core.models import OutboxMessage
from orders.contracts import ORDER_DELIVERED, ORDER_RETURNED
from rewards.models import LotAllocation, PointsTransaction, TierChange, UserPoints, UserVoucher
from rewards.services import voucher_codes
from rewards.services.adjustment import adjust_points
from rewards.services.clock import expire_points, mature_points
from rewards.services.earning import accrue_orders
from rewards.services.redemption import InsufficientPoints, redeem_option
from rewards.services.vouchers import (
    VoucherNotAvailable,
    release_voucher,
    reserve_voucher,
    take_back_voucher,
    use_voucher,
)
from rewards.tasks import calculate_order_points, update_user_tier
from tests.concurrency import together
from tests.rewards.conftest import client_of
from tests.rewards.ledger import assert_clean_books, deliver_order, make_member, return_pieces, set_programme

pytestmark = pytest.mark.django_db(transaction=True)


def announce(order, *topics):
    with transaction.atomic():
        for topic in topics:
            outbox.publish(topic, order_id=order.pk, user_id=order.user_id)


def opened(current):
    member = make_member()
    UserPoints.objects.create(user=member, current_points=current)
    return member


def redeem_once(member, key=None):
    return redeem_option(user_id=member.pk, option_id="voucher-10", offered=100, at=timezone.now(), key=key)


def test_mistake_1_twenty_redeems_of_a_balance_for_three_give_three_vouchers():
    member = opened(350)
    results = together(*[lambda: redeem_once(member)] * 20)
    assert sum(isinstance(result, InsufficientPoints) for result in results) == 17
    assert UserVoucher.objects.count() == 3
    assert UserPoints.objects.get().current_points == 50
    assert_clean_books()


def test_mistake_1_through_http_the_losers_get_a_400_and_nobody_a_500():
    member = opened(350)
    body = {"redemption_option_id": "voucher-10", "points_to_redeem": 100}
    results = together(
        *[lambda: client_of(member).post("/rewards/redeem/", body, format="json").status_code] * 12
    )
    assert sorted(results) == [200] * 3 + [400] * 9


def test_mistake_5_one_key_sent_twenty_times_at_once_redeems_once():
    member = opened(2000)
    results = together(*[lambda: redeem_once(member, key="tap").voucher.pk] * 20)
    assert len(set(results)) == 1
    assert UserPoints.objects.get().current_points == 1900
    assert_clean_books()


def test_mistake_5_fifty_deliveries_of_one_orders_message_earn_once():
    member = make_member()
    order = deliver_order(member, 1000, at=timezone.now(), accrue=False)
    OutboxMessage.objects.all().delete()
    announce(order, *[ORDER_DELIVERED] * 50)
    together(*[lambda: outbox.deliver("rewards.purchases")] * 8)
    assert outbox.pending("rewards.purchases") == 0
    assert list(PointsTransaction.objects.values_list("points", flat=True)) == [100]
    together(*[lambda: calculate_order_points(order.pk)] * 8)
    assert UserPoints.objects.get().current_points == 100
    assert_clean_books()


def test_mistake_25_a_return_handled_before_its_delivery_earns_what_was_kept_once():
    member = make_member()
    order = deliver_order(member, 1000, at=timezone.now(), qty=4, accrue=False)
    return_pieces(order, 1, at=timezone.now(), accrue=False)
    OutboxMessage.objects.all().delete()
    announce(order, ORDER_RETURNED)
    outbox.deliver("rewards.purchases")
    assert UserPoints.objects.get().current_points == 75
    announce(order, ORDER_DELIVERED)
    outbox.deliver("rewards.purchases")
    assert list(PointsTransaction.objects.values_list("points", flat=True)) == [75]
    assert_clean_books()


def test_mistake_25_deliveries_and_returns_at_once_end_at_what_was_kept():
    members = [make_member() for _ in range(4)]
    orders = [
        deliver_order(member, 1000, at=timezone.now(), qty=4, accrue=False)
        for member in members
        for _ in range(3)
    ]
    together(
        *[lambda order=order: return_pieces(order, 1, at=timezone.now(), accrue=False) for order in orders],
        *[lambda: outbox.deliver("rewards.purchases")] * 4,
    )
    outbox.deliver("rewards.purchases")
    assert outbox.pending("rewards.purchases") == 0
    assert list(UserPoints.objects.values_list("current_points", flat=True)) == [225] * 4
    assert_clean_books()


def test_mistake_2_a_voucher_goes_to_one_of_twenty_orders_that_want_it():
    member = opened(500)
    code = redeem_once(member).voucher.code
    orders = [deliver_order(member, 10, at=timezone.now(), accrue=False) for _ in range(20)]
    results = together(
        *[
            lambda order=order: (
                reserve_voucher(user_id=member.pk, code=code, order_id=order.pk, at=timezone.now()).order_id
            )
            for order in orders
        ]
    )
    (winner,) = [result for result in results if isinstance(result, int)]
    assert sum(isinstance(result, VoucherNotAvailable) for result in results) == 19
    assert UserVoucher.objects.get().order_id == winner


def test_mistake_3_the_loser_of_a_voucher_does_not_undo_the_winner():
    member = opened(500)
    code = redeem_once(member).voucher.code
    winner, loser = (deliver_order(member, 10, at=timezone.now(), accrue=False) for _ in range(2))
    now = timezone.now()
    reserve_voucher(user_id=member.pk, code=code, order_id=winner.pk, at=now)
    with pytest.raises(VoucherNotAvailable):
        reserve_voucher(user_id=member.pk, code=code, order_id=loser.pk, at=now)
    assert release_voucher(order_id=loser.pk, at=now) == 0
    assert reserve_voucher(user_id=member.pk, code=code, order_id=winner.pk, at=now).status == "reserved"
    assert use_voucher(order_id=winner.pk, at=now) == 1
    assert use_voucher(order_id=winner.pk, at=now) == 0
    assert reserve_voucher(user_id=member.pk, code=code, order_id=winner.pk, at=now).status == "used"


def test_a_voucher_is_reserved_however_its_code_is_typed_and_for_the_members_own_order_only():
    member, other = opened(500), make_member()
    code, now = redeem_once(member).voucher.code, timezone.now()
    theirs = deliver_order(other, 10, at=now, accrue=False)
    with pytest.raises(NotFound):
        reserve_voucher(user_id=member.pk, code=code, order_id=theirs.pk, at=now)
    with pytest.raises(NotFound):
        reserve_voucher(user_id=other.pk, code=code, order_id=theirs.pk, at=now)
    mine = deliver_order(member, 10, at=now, accrue=False)
    typed = f" {code.lower()} "
    assert reserve_voucher(user_id=member.pk, code=typed, order_id=mine.pk, at=now).order_id == mine.pk


def test_mistake_3_points_of_a_voucher_come_back_once():
    member = opened(500)
    voucher = redeem_once(member).voucher
    together(
        *[lambda: take_back_voucher(voucher_id=voucher.pk, reason="twice", actor=SYSTEM, at=timezone.now())]
        * 8
    )
    assert UserPoints.objects.get().current_points == 500
    assert_clean_books()


def test_mistake_24_jobs_over_the_same_members_in_any_order_do_not_deadlock():
    set_programme(hold_days=1, points_valid_months=1)
    members = [make_member() for _ in range(20)]
    now = timezone.now()
    order_ids = [
        deliver_order(member, 1000, at=now - timedelta(days=2), accrue=False).pk for member in members
    ]
    results = together(
        lambda: accrue_orders(order_ids, at=now),
        lambda: accrue_orders(order_ids[::-1], at=now),
        lambda: mature_points(at=now),
        lambda: accrue_orders(order_ids, at=now + timedelta(days=60)),
        lambda: expire_points(at=now + timedelta(days=60)),
        *[lambda member=member: update_user_tier(member.pk) for member in members[:4]],
    )
    assert [result for result in results if isinstance(result, Exception)] == []
    assert PointsTransaction.objects.filter(transaction_type="earned").count() == 20
    assert_clean_books()


def test_mistake_16_a_tier_is_moved_once_by_a_thousand_calls():
    member = make_member()
    UserPoints.objects.create(user=member, lifetime_points=1200)
    assert together(*[lambda: [update_user_tier(member.pk) for _ in range(10)]] * 8) == [[None] * 10] * 8
    assert list(TierChange.objects.values_list("to_tier__name", flat=True)) == ["Silver"]


def test_mistake_19_a_code_that_somebody_has_is_drawn_again(monkeypatch):
    monkeypatch.setattr(voucher_codes, "ALPHABET", "ABCD")
    monkeypatch.setattr(voucher_codes, "CODE_LENGTH", 1)
    members = [opened(100) for _ in range(4)]
    codes = together(*[lambda member=member: redeem_once(member).voucher.code for member in members])
    assert sorted(codes) == ["A", "B", "C", "D"]


def test_mistake_20_no_row_is_shared_by_members():
    """Two members redeem, adjust and accrue while each other's transaction is still open."""
    first, second = opened(500), opened(500)
    order = deliver_order(second, 100, at=timezone.now(), accrue=False)

    def others():
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '2s'")
        redeem_once(second)
        accrue_orders([order.pk], at=timezone.now())
        adjust_points(user_id=second.pk, points=-5, reason="r", key="k", actor=SYSTEM, at=timezone.now())
        return "done"

    with transaction.atomic():
        redeem_once(first)
        adjust_points(user_id=first.pk, points=5, reason="r", key="k", actor=SYSTEM, at=timezone.now())
        assert together(others) == ["done"]


def test_a_crash_in_the_middle_of_an_accrual_leaves_nothing_and_the_next_one_does_it():
    member = make_member()
    order = deliver_order(member, 1000, at=timezone.now(), accrue=False)
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'crash'; END $$;"
            "CREATE TRIGGER crash BEFORE INSERT ON tier_changes EXECUTE FUNCTION fail()"
        )
    try:
        outbox.deliver("rewards.purchases")
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TRIGGER crash ON tier_changes; DROP FUNCTION fail()")
    assert (PointsTransaction.objects.count(), LotAllocation.objects.count()) == (0, 0)
    assert OutboxMessage.objects.get(subscriber="rewards.purchases").tries == 1
    OutboxMessage.objects.update(due_at=timezone.now())
    outbox.deliver("rewards.purchases")
    assert list(PointsTransaction.objects.values_list("natural_key", flat=True)) == [
        f"order:{order.pk}:purchase"
    ]
    assert_clean_books()
