"""Rows made past the services: the database makes them whole."""

import pytest

from rewards.models import EarningRule, PointLot, PointsTransaction, UserPoints
from tests.rewards.ledger import assert_clean_books, make_member

pytestmark = pytest.mark.django_db


def keys(member):
    lines = PointsTransaction.objects.filter(user=member).order_by("natural_key")
    return list(lines.values_list("natural_key", "points", "lifetime_points"))


def test_a_row_made_by_hand_gets_its_opening_line_and_lot():
    member = make_member()
    made = UserPoints.objects.create(user=member, current_points=500)
    made.refresh_from_db()
    assert (made.current_points, made.lifetime_points) == (500, 500)
    assert keys(member) == [("opening", 500, 500)]
    lot = PointLot.objects.get()
    assert (lot.points, lot.remaining, lot.matured, lot.expires_at) == (500, 500, True, None)
    assert_clean_books()


def test_a_row_made_by_hand_keeps_a_higher_lifetime_held_points_and_debt():
    rich, held, owing, empty = (make_member() for _ in range(4))
    UserPoints.objects.create(user=rich, current_points=500, lifetime_points=1200)
    UserPoints.objects.create(user=held, current_points=10, pending_points=50)
    UserPoints.objects.create(user=owing, debt_points=30, lifetime_points=40)
    UserPoints.objects.create(user=empty)
    assert keys(rich) == [("opening", 500, 1200)]
    assert keys(held) == [("opening", 10, 10), ("opening:pending", 50, 50)]
    assert keys(owing) == [("opening", 0, 40), ("opening:debt", -30, 0)]
    assert keys(empty) == []
    assert_clean_books()


def test_rows_made_in_bulk_are_made_whole_too():
    members = [make_member() for _ in range(3)]
    UserPoints.objects.bulk_create(UserPoints(user=member, current_points=7) for member in members)
    assert PointsTransaction.objects.count() == 3
    assert_clean_books()


def test_a_rules_version_grows_with_its_arithmetic_whoever_edits_it():
    rule = EarningRule.objects.get(rule_type="purchase")
    EarningRule.objects.filter(pk=rule.pk).update(name="Renamed")
    rule.refresh_from_db()
    assert rule.version == 1
    EarningRule.objects.filter(pk=rule.pk).update(points_per_rand=2)
    rule.refresh_from_db()
    assert rule.version == 2
