"""The ledger's stories, step by step: the balance after each, again as of each step's time, clean books."""

import pytest

from accounts.models import User
from core.contracts import SYSTEM
from rewards.models import PointsTransaction, UserPoints, UserVoucher
from rewards.services.adjustment import adjust_points
from rewards.services.clock import expire_points, mature_points
from rewards.services.redemption import redeem_option
from rewards.services.vouchers import take_back_voucher
from tests.rewards.ledger import (
    Points,
    assert_clean_books,
    day,
    deliver_order,
    make_member,
    points,
    points_as_of,
    return_pieces,
    set_programme,
)

pytestmark = pytest.mark.django_db


class Story:
    """A member's steps, each with the points that it must leave."""

    def __init__(self) -> None:
        self.member: User = make_member()
        self.told: list[tuple[float, Points]] = []

    def leaves(self, at: float, *, current: int, pending: int = 0, lifetime: int, debt: int = 0) -> None:
        expected = Points(current, pending, lifetime, debt)
        assert points(self.member, day(at)) == expected
        self.told.append((at, expected))

    def ends(self) -> None:
        assert_clean_books()
        for at, expected in self.told:
            assert (at, points_as_of(self.member, day(at))) == (at, expected)

    def redeem(self, at: float, option: str = "voucher-10", offered: int = 100) -> UserVoucher:
        return redeem_option(user_id=self.member.pk, option_id=option, offered=offered, at=day(at)).voucher

    def adjust(self, by: int, at: float) -> None:
        adjust_points(
            user_id=self.member.pk, points=by, reason="story", key=f"{by}@{at}", actor=SYSTEM, at=day(at)
        )


def test_points_returned_while_they_are_held_never_mature() -> None:
    set_programme(hold_days=14)
    story = Story()
    order = deliver_order(story.member, 1000, at=day(0), qty=4)
    story.leaves(0, current=0, pending=100, lifetime=100)
    return_pieces(order, 1, at=day(5))
    story.leaves(5, current=0, pending=75, lifetime=75)
    mature_points(at=day(14))
    story.leaves(14, current=75, lifetime=75)
    story.ends()


def test_mistake_7_a_full_return_of_spent_points_is_a_debt_that_the_next_earn_repays() -> None:
    story = Story()
    order = deliver_order(story.member, 1500, at=day(0))
    story.leaves(0, current=150, lifetime=150)
    story.redeem(1)
    story.leaves(1, current=50, lifetime=150)
    return_pieces(order, 1, at=day(2))
    story.leaves(2, current=0, lifetime=0, debt=100)
    deliver_order(story.member, 700, at=day(3))
    story.leaves(3, current=0, lifetime=70, debt=30)
    deliver_order(story.member, 700, at=day(4))
    story.leaves(4, current=40, lifetime=140)
    story.ends()


def test_a_full_return_after_expiry_takes_only_what_was_spent() -> None:
    set_programme(points_valid_months=1)
    story = Story()
    order = deliver_order(story.member, 1500, at=day(0))
    story.redeem(1)
    story.leaves(1, current=50, lifetime=150)
    expire_points(at=day(40))
    story.leaves(40, current=0, lifetime=150)
    return_pieces(order, 1, at=day(41))
    story.leaves(41, current=0, lifetime=50, debt=100)
    story.ends()


def test_a_partial_return_after_expiry_counts_what_expired_as_given_back() -> None:
    set_programme(points_valid_months=1)
    story = Story()
    order = deliver_order(story.member, 1500, at=day(0), qty=10)
    story.redeem(1)
    expire_points(at=day(40))
    return_pieces(order, 3, at=day(41))  # 45 of 150 points, and 50 had expired
    story.leaves(41, current=0, lifetime=150)
    return_pieces(order, 7, at=day(42))
    story.leaves(42, current=0, lifetime=50, debt=100)
    story.ends()


def test_mistake_9_a_spend_restored_after_its_lot_expired_lasts_for_the_programmes_window() -> None:
    set_programme(points_valid_months=1, restored_points_days=30)
    story = Story()
    deliver_order(story.member, 1500, at=day(0))
    voucher = story.redeem(1)
    story.leaves(1, current=50, lifetime=150)
    story.leaves(40, current=0, lifetime=150)
    take_back_voucher(voucher_id=voucher.pk, reason="story", actor=SYSTEM, at=day(41))
    story.leaves(41, current=100, lifetime=150)
    entry = PointsTransaction.objects.get(natural_key=f"restore:voucher:{voucher.pk}")
    assert "100 had expired and are good until 2026-05-12" in entry.description
    story.leaves(71, current=100, lifetime=150)
    story.leaves(72, current=0, lifetime=150)
    expire_points(at=day(72))
    story.leaves(72, current=0, lifetime=150)
    story.ends()


def test_an_opening_balance_is_spent_and_restored() -> None:
    story = Story()
    UserPoints.objects.create(user=story.member, current_points=500, created_at=day(0))
    story.leaves(0, current=500, lifetime=500)
    voucher = story.redeem(1)
    story.leaves(1, current=400, lifetime=500)
    take_back_voucher(voucher_id=voucher.pk, reason="story", actor=SYSTEM, at=day(2))
    story.leaves(2, current=500, lifetime=500)
    take_back_voucher(voucher_id=voucher.pk, reason="story", actor=SYSTEM, at=day(3))
    story.leaves(3, current=500, lifetime=500)
    story.ends()


def test_adjustments_up_raise_lifetime_and_down_become_debt_when_nothing_is_left() -> None:
    story = Story()
    story.adjust(200, 0)
    story.leaves(0, current=200, lifetime=200)
    story.adjust(-150, 1)
    story.leaves(1, current=50, lifetime=200)
    story.adjust(-80, 2)
    story.leaves(2, current=0, lifetime=200, debt=30)
    story.adjust(100, 3)
    story.leaves(3, current=70, lifetime=300)
    story.ends()


def test_a_restored_spend_repays_the_debt_that_a_return_left() -> None:
    story = Story()
    order = deliver_order(story.member, 1500, at=day(0))
    voucher = story.redeem(1)
    return_pieces(order, 1, at=day(2))
    story.leaves(2, current=0, lifetime=0, debt=100)
    take_back_voucher(voucher_id=voucher.pk, reason="story", actor=SYSTEM, at=day(3))
    story.leaves(3, current=0, lifetime=0)
    story.ends()


def test_held_points_repay_a_debt_when_they_mature_and_not_before() -> None:
    story = Story()
    order = deliver_order(story.member, 1500, at=day(0))
    story.redeem(1)
    set_programme(hold_days=10)
    return_pieces(order, 1, at=day(2))
    deliver_order(story.member, 1300, at=day(3))
    story.leaves(3, current=0, pending=130, lifetime=130, debt=100)
    story.leaves(13, current=30, lifetime=130)
    mature_points(at=day(14))
    story.leaves(14, current=30, lifetime=130)
    story.ends()
