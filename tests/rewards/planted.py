"""Mistakes of the kind that real ledgers had, to be planted one at a time: the proof must find each.

The numbers are those of the tests named `test_mistake_…`.
"""

import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest

from rewards import account, rules
from rewards.account import Account, Lot
from rewards.services import earning, redemption

Plant = Callable[[pytest.MonkeyPatch], None]


def a_replay_redeems_again(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(redemption, "_natural_key", lambda key: f"redeem:{key}:{secrets.token_hex(4)}")


def points_stay_after_a_refund(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(earning, "_to_reverse", lambda basis, earn: 0)


def each_partial_refund_is_rounded(patch: pytest.MonkeyPatch) -> None:
    """The points in proportion to the goods, not what the goods that were kept earn."""
    patch.setattr(earning, "_entitled", lambda basis, earn: round(earn.points * basis.kept / basis.full))


def spent_points_come_back_to_a_lot_that_has_expired(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Lot, "has_expired", lambda self, at: False)


def the_oldest_lot_is_burnt_first(patch: pytest.MonkeyPatch) -> None:
    def spendable(lots):
        return sorted((lot for lot in lots if lot.matured and lot.remaining), key=lambda lot: lot.earned_at)

    patch.setattr(account, "spendable", spendable)


def expiry_waits_for_a_job(patch: pytest.MonkeyPatch) -> None:
    settle = Account.settle

    def only_mature(self, at):
        lots = self.lots
        self.lots = [lot for lot in lots if lot.expires_at is None or lot.expires_at > at]
        settle(self, at)
        self.lots = lots

    patch.setattr(Account, "settle", only_mature)


def the_day_ends_in_london(patch: pytest.MonkeyPatch) -> None:
    def end_of_day(moment, zone):
        return datetime.combine(moment.astimezone(zone).date() + timedelta(days=1), time.min, tzinfo=UTC)

    patch.setattr(rules, "end_of_day", end_of_day)


def a_delivery_earns_for_what_came_back(patch: pytest.MonkeyPatch) -> None:
    """Each piece of news is taken at its word: the delivery for the whole, the return for nothing posted."""
    earn = earning._earn

    def earn_for_all(account, basis, rule, programme, *, at):
        earn(account, replace(basis, kept=basis.full), rule, programme, at=at)

    patch.setattr(earning, "_earn", earn_for_all)


PLANTED: dict[str, Plant] = {
    "5 a replay redeems again": a_replay_redeems_again,
    "7 points stay after a refund": points_stay_after_a_refund,
    "8 each partial refund is rounded": each_partial_refund_is_rounded,
    "9 points come back to a lot that has expired": spent_points_come_back_to_a_lot_that_has_expired,
    "10 the oldest lot is burnt first": the_oldest_lot_is_burnt_first,
    "11 expiry waits for a job": expiry_waits_for_a_job,
    "12 the day ends in London": the_day_ends_in_london,
    "25 a delivery earns for what came back": a_delivery_earns_for_what_came_back,
}
