"""The audit finds what is broken, whoever broke it."""

import pytest
from django.db import connection
from django.utils import timezone

from core.contracts import SYSTEM
from rewards.models import UserPoints
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
