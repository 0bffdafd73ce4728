"""What the clock decides counts before any job has run, and the same after."""

from datetime import timedelta

import pytest

from rewards.models import PointLot, PointsTransaction, UserPoints, UserVoucher
from rewards.selectors.balance import balance, expiring
from rewards.services.clock import expire_points, mature_points
from rewards.services.redemption import InsufficientPoints, redeem_option
from rewards.services.vouchers import expire_vouchers, release_voucher, reserve_voucher, use_voucher
from tests.rewards.ledger import (
    Points,
    assert_clean_books,
    day,
    deliver_order,
    make_member,
    points,
    points_as_of,
    set_programme,
)

pytestmark = pytest.mark.django_db


def redeem(member, at):
    return redeem_option(user_id=member.pk, option_id="voucher-10", offered=100, at=at).voucher


def test_mistake_11_expired_points_cant_be_spent_though_no_job_has_run():
    set_programme(points_valid_months=1)
    member = make_member()
    deliver_order(member, 1000, at=day(0))  # 2 March: good until the end of 2 April
    last = day(0).replace(month=4, day=2, hour=23, minute=59)
    assert points(member, last).current == 100
    after = last + timedelta(minutes=1)
    assert points(member, after) == Points(0, 0, 100, 0)
    with pytest.raises(InsufficientPoints):
        redeem(member, after)
    redeem(member, last)
    assert points(member, last).current == 0


def test_mistake_11_held_points_can_be_spent_when_their_hold_is_over_though_no_job_has_run():
    set_programme(hold_days=14)
    member = make_member()
    deliver_order(member, 1000, at=day(0))
    with pytest.raises(InsufficientPoints):
        redeem(member, day(14) - timedelta(seconds=1))
    redeem(member, day(14))
    assert points(member, day(14)) == Points(0, 0, 100, 0)
    assert_clean_books()


def test_the_jobs_post_what_already_counted_once():
    set_programme(hold_days=14, points_valid_months=1)
    members = [make_member() for _ in range(3)]
    for member in members:
        deliver_order(member, 1000, at=day(0))
    seen = [points(member, day(20)) for member in members]
    assert mature_points(at=day(20)) == 3
    assert mature_points(at=day(20)) == 0
    assert [points(member, day(20)) for member in members] == seen == [Points(100, 0, 100, 0)] * 3
    assert expire_points(at=day(40)) == 3
    assert expire_points(at=day(40)) == 0
    assert [points(member, day(40)) for member in members] == [Points(0, 0, 100, 0)] * 3
    lines = PointsTransaction.objects.filter(transaction_type="expired")
    assert {line.effective_at for line in lines} == set(PointLot.objects.values_list("expires_at", flat=True))
    assert_clean_books()


def test_mistake_10_the_points_that_expire_first_are_spent_first():
    set_programme(points_valid_months=24)
    member = make_member()
    deliver_order(member, 1000, at=day(0))
    set_programme(points_valid_months=1)
    deliver_order(member, 1000, at=day(1))
    redeem(member, day(2))
    left = PointLot.objects.order_by("earned_at").values_list("remaining", flat=True)
    assert list(left) == [100, 0]


@pytest.mark.parametrize(
    ("lots", "left"),
    [
        (12, [0] * 10 + [10] * 2),  # more than a spend looks at first
        (10, [0] * 10),
    ],
)
def test_a_spend_of_many_lots_takes_them_in_their_order(lots, left):
    member = make_member()
    for number in range(lots):
        deliver_order(member, 100, at=day(number))
    redeem(member, day(20))
    assert list(PointLot.objects.order_by("earned_at").values_list("remaining", flat=True)) == left
    assert_clean_books()


def test_points_whose_hold_ends_now_are_spent_where_they_stand_in_the_order():
    member = make_member()
    for number in range(10):
        deliver_order(member, 90, at=day(number))
    set_programme(hold_days=5)
    deliver_order(member, 1000, at=day(10))  # expires last
    set_programme(hold_days=5, points_valid_months=1)
    deliver_order(member, 50, at=day(11))  # expires first
    redeem(member, day(20))  # no job has posted that the two are free
    left = PointLot.objects.order_by("earned_at").values_list("remaining", flat=True)
    assert list(left) == [0] * 10 + [95, 0]
    assert_clean_books()


def test_points_that_expire_now_are_passed_over():
    set_programme(points_valid_months=1)
    member = make_member()
    deliver_order(member, 1000, at=day(0))
    set_programme(points_valid_months=24)
    for number in range(1, 12):
        deliver_order(member, 100, at=day(number))
    redeem(member, day(40))
    left = PointLot.objects.order_by("earned_at").values_list("remaining", flat=True)
    assert list(left) == [0] * 11 + [10]
    expired = PointsTransaction.objects.get(transaction_type="expired")
    assert (expired.points, expired.effective_at) == (-100, PointLot.objects.earliest("id").expires_at)
    assert_clean_books()


def test_points_expiring_are_told_day_by_day_without_what_is_gone():
    set_programme(points_valid_months=1)
    member = make_member()
    for start, rand in ((0, 1000), (0, 500), (3, 200), (31, 300)):
        deliver_order(member, rand, at=day(start))
    told = [(entry.date.isoformat(), entry.points) for entry in expiring(member.pk, at=day(31))]
    assert told == [("2026-04-02", 150), ("2026-04-05", 20), ("2026-05-02", 30)]
    told = [(entry.date.isoformat(), entry.points) for entry in expiring(member.pk, at=day(33))]
    assert told == [("2026-04-05", 20), ("2026-05-02", 30)]
    soon = balance(member.pk, at=day(33))
    assert (soon.points_expiring_soon, soon.expiry_date.isoformat()) == (50, "2026-04-05")


def test_as_of_before_a_job_ran_is_the_same_after_it_ran():
    set_programme(hold_days=5, points_valid_months=1)
    member = make_member()
    deliver_order(member, 1000, at=day(0))
    times = [day(n) for n in (0, 4, 5, 31, 32, 60)]
    before = [points_as_of(member, at) for at in times]
    mature_points(at=day(60))
    expire_points(at=day(60))
    assert [points_as_of(member, at) for at in times] == before
    assert [(p.current, p.pending) for p in before] == [
        (0, 100),
        (0, 100),
        (100, 0),
        (100, 0),
        (0, 0),
        (0, 0),
    ]


def test_vouchers_expire_by_the_job_and_those_that_an_order_holds_do_not():
    member = make_member()
    deliver_order(member, 3000, at=day(0))
    free, held = redeem(member, day(1)), redeem(member, day(1))
    order = deliver_order(member, 10, at=day(1))
    reserve_voucher(user_id=member.pk, code=held.code, order_id=order.pk, at=day(2))
    assert expire_vouchers(at=day(40)) == 1
    assert expire_vouchers(at=day(40)) == 0
    statuses = {voucher.pk: voucher.status for voucher in UserVoucher.objects.all()}
    assert statuses == {free.pk: "expired", held.pk: "reserved"}


def test_a_voucher_let_go_after_its_date_gets_the_programmes_days_anew():
    member = make_member()
    deliver_order(member, 3000, at=day(0))
    voucher, order = redeem(member, day(1)), deliver_order(member, 10, at=day(1))
    reserve_voucher(user_id=member.pk, code=voucher.code, order_id=order.pk, at=day(2))
    use_voucher(order_id=order.pk, at=day(2))
    assert release_voucher(order_id=order.pk, at=day(3)) == 1
    voucher.refresh_from_db()
    first_date = voucher.expires_at
    assert (voucher.status, voucher.order_id, voucher.used_at) == ("available", None, None)
    reserve_voucher(user_id=member.pk, code=voucher.code, order_id=order.pk, at=day(4))
    release_voucher(order_id=order.pk, at=day(100))
    voucher.refresh_from_db()
    assert (first_date, voucher.expires_at) == (
        day(32).replace(hour=0),
        day(131).replace(hour=0),
    )


def test_the_jobs_walk_from_slice_to_slice_and_lots_of_one_moment_stay_together(monkeypatch):
    monkeypatch.setattr("rewards.services.clock.SLICE", 2)
    monkeypatch.setattr("rewards.services.clock.CHUNK", 1)
    set_programme(hold_days=5, points_valid_months=1)
    for start in (0, 0, 0, 1, 2, 2, 3):
        deliver_order(make_member(), 1000, at=day(start))
    assert mature_points(at=day(8)) == 7
    assert expire_points(at=day(60)) == 7
    assert PointLot.objects.filter(remaining__gt=0).count() == 0
    assert_clean_books()


def test_a_member_whose_posting_fails_is_passed_and_keeps_nobody_waiting(monkeypatch):
    monkeypatch.setattr("rewards.services.clock.SLICE", 1)
    set_programme(points_valid_months=1)
    members = [make_member() for _ in range(3)]
    for number, member in enumerate(members):
        deliver_order(member, 1000, at=day(number))
    UserPoints.objects.filter(user=members[1]).update(current_points=0)  # 100 less are not allowed
    assert expire_points(at=day(60)) == 2
    left = PointLot.objects.filter(remaining__gt=0).values_list("user_id", flat=True)
    assert list(left) == [members[1].pk]
