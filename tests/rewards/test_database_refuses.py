"""What the database refuses, whoever asks."""

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.utils import timezone

from core.contracts import SYSTEM
from rewards.models import (
    EarningRule,
    LoyaltyTier,
    PointLot,
    PointsTransaction,
    Programme,
    RedemptionOption,
    UserPoints,
)
from rewards.selectors.audit import audit_ledger
from rewards.services.adjustment import adjust_points
from rewards.services.redemption import redeem_option
from rewards.services.vouchers import take_back_voucher
from tests.rewards.ledger import assert_clean_books, deliver_order, make_member, return_pieces

pytestmark = pytest.mark.django_db


@pytest.fixture
def funded():
    member = make_member()
    UserPoints.objects.create(user=member, current_points=500)
    adjust_points(user_id=member.pk, points=-100, reason="r", key="k", actor=SYSTEM, at=timezone.now())
    return member


def refused(sql, error=DatabaseError):
    with pytest.raises(error), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)


@pytest.mark.parametrize("table", ["points_transactions", "lot_allocations"])
@pytest.mark.parametrize(
    "change", ["UPDATE {} SET points = points + 1", "DELETE FROM {}", "TRUNCATE {} CASCADE"]
)
def test_a_ledger_row_is_never_changed_or_deleted(funded, table, change):
    refused(change.format(table))
    assert_clean_books()


@pytest.mark.parametrize(
    "values",
    [
        "current_points = -1",
        "pending_points = -1",
        "debt_points = -1",
        "lifetime_points = 399",
        "debt_points = 1",
    ],
)
def test_a_balance_is_never_negative_above_its_lifetime_or_beside_a_debt(funded, values):
    refused(f"UPDATE user_points SET {values}", IntegrityError)


@pytest.mark.parametrize("values", ["remaining = -1", "remaining = 501", "remaining = 0, matured = false"])
def test_a_lot_never_holds_more_than_its_size(funded, values):
    refused(f"UPDATE point_lots SET {values}", IntegrityError)


def test_mistake_5_a_natural_key_is_never_posted_twice(funded):
    line = PointsTransaction.objects.get(natural_key="adjust:k")
    with pytest.raises(IntegrityError), transaction.atomic():
        PointsTransaction.objects.create(
            user=funded, points=-1, transaction_type="adjusted", natural_key=line.natural_key
        )


@pytest.mark.parametrize(
    ("transaction_type", "points", "lifetime"),
    [
        ("earned", -5, -5),
        ("earned", 5, 0),
        ("redeemed", 5, 0),
        ("redeemed", -5, -5),
        ("expired", 5, 0),
        ("reversed", -5, 0),
        ("restored", 5, 5),
        ("adjusted", 5, 0),
        ("opening", 5, 4),
        ("gift", 5, 5),
    ],
)
def test_a_lines_sign_and_lifetime_fit_its_type(funded, transaction_type, points, lifetime):
    with pytest.raises(IntegrityError), transaction.atomic():
        PointsTransaction.objects.create(
            user=funded,
            points=points,
            lifetime_points=lifetime,
            transaction_type=transaction_type,
            natural_key="x",
        )


def test_there_is_one_programme_and_its_settings_are_sane():
    refused("INSERT INTO programme SELECT 2, now(), now(), 'lifetime', 0, 24, 30, 30", DatabaseError)
    for settings in ({"hold_days": 28}, {"points_valid_months": 0}, {"tier_basis": "luck"}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Programme.objects.update(**settings)


def test_there_is_one_active_rule_a_type_and_options_are_whole():
    for make in (
        lambda: EarningRule.objects.create(name="Second", rule_type="purchase", points_per_rand=1),
        lambda: RedemptionOption.objects.create(id="a", type="discount_voucher", name="A", points_required=0),
        lambda: RedemptionOption.objects.create(
            id="b", type="category_discount", name="B", points_required=1, value=10
        ),
        lambda: LoyaltyTier.objects.create(name="Tin", min_points=0),
        lambda: LoyaltyTier.objects.create(name="Gold", min_points=7),
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            make()


# --- rows made by hand


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


# --- the audit finds what is broken


@pytest.mark.parametrize(
    ("damage", "rule"),
    [
        (
            "UPDATE user_points SET current_points = current_points - 1",
            {
                "current + pending - debt = sum of ledger points",
                "current = sum of what is left in matured lots",
            },
        ),
        (
            "UPDATE user_points SET lifetime_points = lifetime_points + 1",
            {"lifetime = earned + opening + adjusted up - reversed"},
        ),
        (
            "UPDATE point_lots SET remaining = remaining - 1",
            {
                "current = sum of what is left in matured lots",
                "points of a lot = what is left + net allocations",
            },
        ),
        (
            "UPDATE user_points SET pending_points = 1, current_points = current_points - 1",
            {
                "current = sum of what is left in matured lots",
                "pending = sum of what is left in the other lots",
            },
        ),
        (
            "SET session_replication_role = replica; DELETE FROM user_points;"
            " SET session_replication_role = origin",
            {
                "who has ledger lines or lots has an account",
                "current + pending - debt = sum of ledger points",
                "current = sum of what is left in matured lots",
                "lifetime = earned + opening + adjusted up - reversed",
            },
        ),
        (
            "INSERT INTO points_transactions (user_id, natural_key, transaction_type, points,"
            " lifetime_points, description, metadata, effective_at, created_at)"
            " SELECT user_id, 'forged', 'redeemed', -1, 0, '', '{}', now(), now() FROM user_points",
            {
                "current + pending - debt = sum of ledger points",
                "points of a spend or an expiry = sum of its allocations",
            },
        ),
    ],
)
def test_the_audit_names_the_rule_and_the_member(funded, damage, rule):
    with connection.cursor() as cursor:
        cursor.execute(damage)
    report = audit_ledger()
    assert {broken.rule for broken in report.broken} == rule
    assert {broken.first for broken in report.broken} == {(funded.pk,)}
    assert not report.is_clean


@pytest.fixture
def with_everything(funded):
    """A member with an earn, a reversal, a spend that came back and one that did not, beside another."""
    now = timezone.now()
    order = deliver_order(funded, 1000, at=now, qty=2)
    return_pieces(order, 1, at=now)
    for back in (True, False):
        voucher = redeem_option(user_id=funded.pk, option_id="voucher-10", offered=100, at=now).voucher
        if back:
            take_back_voucher(voucher_id=voucher.pk, reason="r", actor=SYSTEM, at=now)
    other = make_member()
    UserPoints.objects.create(user=other, current_points=1)
    assert_clean_books()
    return funded, other


@pytest.mark.parametrize(
    ("damage", "rule"),
    [
        (
            "UPDATE lot_allocations a SET points = a.points + 100 FROM points_transactions t"
            " WHERE t.id = transaction_id AND t.transaction_type = 'reversed'",
            "a reversal or a taking has no more allocations than points",
        ),
        (
            "UPDATE point_lots l SET points = l.points + 1, remaining = l.remaining + 1"
            " FROM points_transactions t WHERE t.id = transaction_id AND t.transaction_type = 'earned'",
            "a credit is its lot and what it gave back to others",
        ),
        (
            "UPDATE point_lots SET user_id = {other} WHERE user_id = {member}",
            "a lot belongs to the member of its line",
        ),
        (
            "UPDATE lot_allocations SET user_id = {other} WHERE user_id = {member}",
            "an allocation belongs to the member of its lot and of its line",
        ),
        (
            "UPDATE point_lots SET matures_at = now() + interval '99 years', expires_at = NULL"
            " WHERE remaining > 0",
            "a lot matures no sooner than its time",
        ),
        (
            "UPDATE user_vouchers SET status = 'available'",
            "a voucher of an option was paid for once, and is void once its points came back",
        ),
    ],
)
def test_the_audit_finds_what_sums_alone_would_not_show(with_everything, damage, rule):
    member, other = with_everything
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(damage.format(member=member.pk, other=other.pk))
        cursor.execute("SET session_replication_role = origin")
    found = {broken.rule: broken.first for broken in audit_ledger().broken}
    assert member.pk in found[rule] or other.pk in found[rule]
