"""What the database refuses, in raw SQL, to the application's own role and to the owner of the tables."""

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from core.contracts import SYSTEM
from rewards.models import (
    EarningRule,
    LotAllocation,
    LoyaltyTier,
    PointLot,
    PointsTransaction,
    RedemptionOption,
    UserPoints,
    UserVoucher,
)
from rewards.services.adjustment import adjust_points
from rewards.services.redemption import redeem_option
from rewards.services.vouchers import reserve_voucher
from tests.orders.factories import make_order
from tests.rewards.ledger import assert_clean_books, make_member

NO_RIGHT = "42501"  # insufficient_privilege
TRIGGER = "23001"  # restrict_violation
CHECK = "23514"
UNIQUE = "23505"

as_the_application = pytest.mark.usefixtures("as_app", "ledger")
as_the_owner = pytest.mark.usefixtures("transactional_db", "ledger")


def refused(sql):
    """Run SQL that must fail; return its SQLSTATE, and the constraint's name or else what it says."""
    with pytest.raises(DatabaseError) as error, connection.cursor() as cursor:
        cursor.execute(sql)
    cause = error.value.__cause__
    return cause.pgcode, cause.diag.constraint_name or cause.diag.message_primary


@pytest.fixture
def ledger(request):
    """A member with 500 points to begin with, 200 adjusted away, a voucher for 100 that an order holds.

    Afterwards the books are as they were.
    """
    request.getfixturevalue("as_app" if "as_app" in request.fixturenames else "transactional_db")
    now = timezone.now()
    member = make_member()
    UserPoints.objects.create(user=member, current_points=500)
    adjust_points(user_id=member.pk, points=-100, reason="r", key="k", actor=SYSTEM, at=now)
    vouchers = [
        redeem_option(user_id=member.pk, option_id="voucher-10", offered=100, at=now).voucher
        for _ in range(2)
    ]
    order = make_order(user=member)
    make_order(user=member)
    reserve_voucher(user_id=member.pk, code=vouchers[0].code, order_id=order.pk, at=now)
    before = _rows()
    yield
    assert _rows() == before
    assert_clean_books()


def _rows():
    """Every row of the ledger."""
    models = (UserPoints, PointsTransaction, PointLot, LotAllocation, UserVoucher)
    return [list(model.objects.order_by("pk").values_list()) for model in models]


# --- what the application's role may not do ----------------------------------------------------------------


@as_the_application
@pytest.mark.parametrize(
    "table", ["points_transactions", "lot_allocations", "core_auditentry", "tier_changes"]
)
@pytest.mark.parametrize(
    "change",
    [
        "UPDATE {} SET id = id + 1000",
        "DELETE FROM {}",
        "TRUNCATE {} CASCADE",
        "SELECT * FROM {} FOR UPDATE",
        "MERGE INTO {0} USING (VALUES (1)) v ON true WHEN MATCHED THEN DELETE",
        "INSERT INTO {0} SELECT * FROM {0} ON CONFLICT (id) DO UPDATE SET id = 1",
    ],
)
def test_a_row_of_the_ledger_is_never_changed_or_deleted(table, change):
    assert refused(change.format(table)) == (NO_RIGHT, f"permission denied for table {table}")


@as_the_application
@pytest.mark.parametrize("table", ["user_points", "point_lots", "user_vouchers", "orders"])
@pytest.mark.parametrize("removal", ["DELETE FROM {}", "TRUNCATE {} CASCADE"])
def test_accounts_lots_vouchers_and_orders_are_never_removed(table, removal):
    assert refused(removal.format(table)) == (NO_RIGHT, f"permission denied for table {table}")


@as_the_application
@pytest.mark.parametrize(
    ("sql", "said"),
    [
        (
            "ALTER TABLE points_transactions DISABLE TRIGGER ALL",
            "must be owner of table points_transactions",
        ),
        ("ALTER TABLE user_points DROP CONSTRAINT points_not_negative", "must be owner of table user_points"),
        ("ALTER TABLE point_lots ADD COLUMN more int", "must be owner of table point_lots"),
        ("ALTER TABLE lot_allocations RENAME TO gone", "must be owner of table lot_allocations"),
        ("DROP TABLE lot_allocations CASCADE", "must be owner of table lot_allocations"),
        ("DROP INDEX newest_lines", "must be owner of index newest_lines"),
        (
            "DROP TRIGGER points_transactions_append_only ON points_transactions",
            "must be owner of relation points_transactions",
        ),
        (
            "CREATE TRIGGER mine BEFORE INSERT ON user_points EXECUTE FUNCTION core_refuse_change()",
            "permission denied for table user_points",
        ),
        (
            "CREATE RULE mine AS ON INSERT TO points_transactions DO INSTEAD NOTHING",
            "must be owner of table points_transactions",
        ),
        ("DROP FUNCTION core_refuse_change() CASCADE", "must be owner of function core_refuse_change"),
        (
            "CREATE OR REPLACE FUNCTION core_refuse_change() RETURNS trigger LANGUAGE plpgsql"
            " AS 'BEGIN RETURN NEW; END'",
            "permission denied for schema public",
        ),
        ("CREATE TABLE mine (id int)", "permission denied for schema public"),
        ("CREATE SCHEMA mine", "permission denied for database"),
        (
            "CREATE TEMPORARY TABLE points_transactions (id int)",
            "permission denied to create temporary tables",
        ),
        (
            "SET session_replication_role = replica",
            'permission denied to set parameter "session_replication_role"',
        ),
        (
            "SELECT setval('points_transactions_id_seq', 1)",
            "permission denied for sequence points_transactions_id_seq",
        ),
        (
            "INSERT INTO django_migrations SELECT 0, 'a', 'b', now()",
            "permission denied for table django_migrations",
        ),
        (
            "GRANT DELETE ON points_transactions TO CURRENT_USER; DELETE FROM points_transactions",
            "permission denied for table points_transactions",
        ),
        (
            "COPY points_transactions TO PROGRAM 'true'",
            "permission denied to COPY to or from an external program",
        ),
        ("CREATE ROLE mine SUPERUSER", "permission denied to create role"),
        ("ALTER ROLE CURRENT_USER SUPERUSER", "permission denied to alter role"),
        ("SET ROLE postgres", 'permission denied to set role "postgres"'),
        ("SET SESSION AUTHORIZATION postgres", 'permission denied to set session authorization "postgres"'),
    ],
)
def test_the_role_never_gets_round_the_tables_guards(sql, said):
    state, message = refused(sql)
    assert state == NO_RIGHT
    assert message.startswith(said)


# --- what the tables themselves refuse, to the role and to their owner -------------------------------------

_LINE = (
    "INSERT INTO points_transactions (user_id, natural_key, transaction_type, points, lifetime_points,"
    " description, metadata, effective_at, created_at)"
    " SELECT user_id, '{key}', '{type}', {points}, {lifetime}, '', '{{}}', now(), now() FROM user_points"
)
_LOT = (
    "INSERT INTO point_lots (transaction_id, user_id, points, remaining, earned_at, matures_at, matured,"
    " created_at, updated_at) SELECT id, user_id, {points}, {remaining}, now(), now(), true, now(), now()"
    " FROM points_transactions WHERE natural_key = '{of}'"
)
_VOUCHER = (
    "INSERT INTO user_vouchers (id, user_id, code, type, value, status, order_id, expires_at, created_at,"
    " updated_at)"
    " SELECT '{id}', user_id, {code}, type, value, {status}, {order}, now(), now(), now()"
    " FROM user_vouchers WHERE status = 'reserved'"
)
REFUSALS = {
    "spendable points below zero": (
        "UPDATE user_points SET current_points = -1",
        CHECK,
        "points_not_negative",
    ),
    "held points below zero": ("UPDATE user_points SET pending_points = -1", CHECK, "points_not_negative"),
    "a debt below zero": (
        "UPDATE user_points SET current_points = 0, debt_points = -1",
        CHECK,
        "points_not_negative",
    ),
    "points beside a debt": ("UPDATE user_points SET debt_points = 1", CHECK, "points_or_debt_not_both"),
    "lifetime under current": (
        "UPDATE user_points SET lifetime_points = current_points - 1",
        CHECK,
        "lifetime_at_least_current",
    ),
    "a second account": (
        "INSERT INTO user_points (user_id, current_points, pending_points, lifetime_points, debt_points,"
        " created_at, updated_at) SELECT user_id, 0, 0, 0, 0, now(), now() FROM user_points",
        UNIQUE,
        "user_points_user_id_key",
    ),
    "an account of somebody else's": (
        "UPDATE user_points SET user_id = user_id + 1",
        TRIGGER,
        "user_points_fixed",
    ),
    "a lot below zero": ("UPDATE point_lots SET remaining = -1", CHECK, "lot_remaining_within_its_size"),
    "a lot beyond its size": (
        "UPDATE point_lots SET remaining = points + 1",
        CHECK,
        "lot_remaining_within_its_size",
    ),
    "a lot that grows": (
        "UPDATE point_lots SET points = points + 1, remaining = remaining + 1",
        TRIGGER,
        "point_lots_fixed",
    ),
    "a lot that lasts longer": ("UPDATE point_lots SET expires_at = NULL", TRIGGER, "point_lots_fixed"),
    "a lot of somebody else's": ("UPDATE point_lots SET user_id = user_id + 1", TRIGGER, "point_lots_fixed"),
    "an empty lot that is held": (
        "UPDATE point_lots SET remaining = 0, matured = false",
        CHECK,
        "empty_lot_is_matured",
    ),
    "a new lot beyond its size": (
        _LOT.format(points=1, remaining=2, of="adjust:k"),
        CHECK,
        "lot_remaining_within_its_size",
    ),
    "two lots of one line": (
        _LOT.format(points=1, remaining=1, of="opening"),
        UNIQUE,
        "point_lots_transaction_id_key",
    ),
    "an allocation of nothing": (
        "INSERT INTO lot_allocations (user_id, lot_id, transaction_id, points, effective_at, created_at)"
        " SELECT user_id, lot_id, transaction_id, 0, now(), now() FROM lot_allocations",
        CHECK,
        "allocation_not_zero",
    ),
    "a natural key twice": (
        _LINE.format(key="adjust:k", type="adjusted", points=-1, lifetime=0),
        UNIQUE,
        "one_posting_a_natural_key",
    ),
    "a voucher's code twice": (
        _VOUCHER.format(id="V1", code="code", status="'available'", order="NULL"),
        UNIQUE,
        "user_vouchers_code_key",
    ),
    "two vouchers in one order": (
        _VOUCHER.format(id="V1", code="'ANOTHER'", status="status", order="order_id"),
        UNIQUE,
        "one_voucher_an_order",
    ),
    "a voucher in a second order": (
        "UPDATE user_vouchers SET order_id = (SELECT max(id) FROM orders) WHERE status = 'reserved'",
        TRIGGER,
        "user_vouchers_one_order",
    ),
    "a voucher held by no order": (
        "UPDATE user_vouchers SET order_id = NULL WHERE status = 'reserved'",
        CHECK,
        "voucher_held_by_its_order",
    ),
    "a free voucher in an order": (
        "UPDATE user_vouchers SET status = 'available' WHERE status = 'reserved'",
        CHECK,
        "voucher_held_by_its_order",
    ),
    "a used voucher that was never used": (
        "UPDATE user_vouchers SET used_at = now()",
        CHECK,
        "voucher_used_at_only_when_used",
    ),
    "an order's number twice": (
        "UPDATE orders SET number = 'same'",
        UNIQUE,
        "orders_shop_number",
    ),
    "two programmes": (
        "INSERT INTO programme (id, tier_basis, hold_days, restored_points_days, voucher_valid_days,"
        " created_at, updated_at) SELECT 2, tier_basis, 0, 30, 30, now(), now() FROM programme",
        CHECK,
        "programme_is_one_row",
    ),
    "a hold of a month": ("UPDATE programme SET hold_days = 28", CHECK, "programme_hold_under_a_month"),
    "points good for no month": (
        "UPDATE programme SET points_valid_months = 0",
        CHECK,
        "programme_validity_in_months",
    ),
    "tiers by luck": ("UPDATE programme SET tier_basis = 'luck'", CHECK, "programme_tier_basis_known"),
} | {
    f"{points} points that were {kind} and add {lifetime} to lifetime": (
        _LINE.format(key="x", type=kind, points=points, lifetime=lifetime),
        CHECK,
        "transaction_signs_fit_its_type",
    )
    for kind, points, lifetime in [
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
    ]
}


@as_the_application
@pytest.mark.parametrize(("sql", "state", "constraint"), REFUSALS.values(), ids=REFUSALS)
def test_mistake_5_and_others_the_database_refuses_the_role(sql, state, constraint):
    assert refused(sql) == (state, constraint)


@as_the_owner
@pytest.mark.parametrize(("sql", "state", "constraint"), REFUSALS.values(), ids=REFUSALS)
def test_mistake_5_and_others_the_database_refuses_the_owner(sql, state, constraint):
    assert refused(sql) == (state, constraint)


@as_the_owner
@pytest.mark.parametrize(
    ("sql", "trigger"),
    [
        ("UPDATE points_transactions SET points = points + 1", "points_transactions_append_only"),
        ("DELETE FROM points_transactions", "points_transactions_append_only"),
        ("TRUNCATE points_transactions CASCADE", "points_transactions_no_truncate"),
        ("UPDATE lot_allocations SET points = points + 1", "lot_allocations_append_only"),
        ("DELETE FROM lot_allocations", "lot_allocations_append_only"),
        ("TRUNCATE lot_allocations CASCADE", "lot_allocations_no_truncate"),
        ("UPDATE core_auditentry SET reason = ''", "core_auditentry_append_only"),
        ("DELETE FROM core_auditentry", "core_auditentry_append_only"),
        ("TRUNCATE core_auditentry", "core_auditentry_no_truncate"),
        ("DELETE FROM user_points", "user_points_kept"),
        ("TRUNCATE user_points", "user_points_no_truncate"),
        ("DELETE FROM point_lots", "point_lots_kept"),
    ],
)
def test_not_even_the_owner_changes_or_removes_what_is_kept(sql, trigger):
    assert refused(sql) == (TRIGGER, trigger)


@pytest.mark.django_db
def test_there_is_one_active_rule_a_type_and_options_are_whole():
    for make, constraint in (
        (
            lambda: EarningRule.objects.create(name="Second", rule_type="purchase", points_per_rand=1),
            "one_active_earning_rule_a_type",
        ),
        (
            lambda: RedemptionOption.objects.create(
                id="a", type="discount_voucher", name="A", points_required=0
            ),
            "option_costs_points",
        ),
        (
            lambda: RedemptionOption.objects.create(
                id="b", type="category_discount", name="B", points_required=1, value=10
            ),
            "option_category_and_percentage",
        ),
        (lambda: LoyaltyTier.objects.create(name="Tin", min_points=0), "loyalty_tiers_min_points_key"),
        (lambda: LoyaltyTier.objects.create(name="Gold", min_points=7), "loyalty_tiers_name_key"),
    ):
        with pytest.raises(DatabaseError) as error, transaction.atomic():
            make()
        assert error.value.__cause__.diag.constraint_name == constraint
