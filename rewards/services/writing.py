"""One statement that writes what was done to accounts: lines, lots, allocations and balances."""

import json

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection

from core.database.prepared import Prepared
from rewards.account import Account

# Rows go as JSON: the driver writes an array as an expression for each element, and the server parses it so.
_WRITE = Prepared(
    "write_accounts",
    """
WITH entry AS (
    INSERT INTO points_transactions (user_id, natural_key, transaction_type, points, lifetime_points,
        description, effective_at, order_id, voucher_id, related_id, metadata, created_at)
    SELECT e.*, clock_timestamp()
    FROM jsonb_to_recordset(%s::jsonb) e (user_id bigint, natural_key text, transaction_type text,
        points bigint, lifetime_points bigint, description text, effective_at timestamptz, order_id bigint,
        voucher_id text, related_id bigint, metadata jsonb)
    RETURNING id, user_id, natural_key
), opened AS (
    INSERT INTO point_lots (transaction_id, user_id, points, remaining, earned_at, matures_at, expires_at,
        matured, created_at, updated_at)
    SELECT entry.id, entry.user_id, l.points, l.remaining, l.earned_at, l.matures_at, l.expires_at, l.matured,
           clock_timestamp(), clock_timestamp()
    FROM jsonb_to_recordset(%s::jsonb) l (user_id bigint, natural_key text, points bigint, remaining bigint,
        earned_at timestamptz, matures_at timestamptz, expires_at timestamptz, matured bool)
    JOIN entry ON entry.user_id = l.user_id AND entry.natural_key = l.natural_key
    RETURNING id, transaction_id
), drawn AS (
    UPDATE point_lots SET remaining = l.remaining, matured = l.matured, updated_at = clock_timestamp()
    FROM jsonb_to_recordset(%s::jsonb) l (id bigint, remaining bigint, matured bool)
    WHERE point_lots.id = l.id
), allocated AS (
    INSERT INTO lot_allocations (user_id, lot_id, transaction_id, points, effective_at, created_at)
    SELECT a.user_id, coalesce(a.lot_id, opened.id), coalesce(a.transaction_id, entry.id), a.points,
           a.effective_at, clock_timestamp()
    FROM jsonb_to_recordset(%s::jsonb) a (user_id bigint, lot_id bigint, lot_key text, transaction_id bigint,
        natural_key text, points bigint, effective_at timestamptz)
    LEFT JOIN entry ON entry.user_id = a.user_id AND entry.natural_key = a.natural_key
    LEFT JOIN entry maker ON maker.user_id = a.user_id AND maker.natural_key = a.lot_key
    LEFT JOIN opened ON opened.transaction_id = maker.id
)
UPDATE user_points
SET current_points = b.current_points, pending_points = b.pending_points,
    lifetime_points = b.lifetime_points, debt_points = b.debt_points, tier_id = b.tier_id,
    settled_at = b.settled_at, updated_at = clock_timestamp()
FROM jsonb_to_recordset(%s::jsonb) b (user_id bigint, current_points bigint, pending_points bigint,
    lifetime_points bigint, debt_points bigint, tier_id bigint, settled_at timestamptz)
WHERE user_points.user_id = b.user_id
""",
)


def write(accounts: list[Account]) -> None:
    """Write entries, lots, allocations and balances of `accounts`, and forget that they changed."""
    if not accounts:
        return
    entries = [
        {
            "user_id": account.user_id,
            "natural_key": entry.cause.natural_key,
            "transaction_type": entry.transaction_type,
            "points": entry.points,
            "lifetime_points": entry.lifetime_points,
            "description": entry.cause.description,
            "effective_at": entry.cause.effective_at.isoformat(),
            "order_id": entry.cause.order_id,
            "voucher_id": entry.cause.voucher_id,
            "related_id": entry.cause.related_id,
            "metadata": entry.cause.metadata,
        }
        for account in accounts
        for entry in account.entries
    ]
    opened = [
        {
            "user_id": account.user_id,
            "natural_key": lot.natural_key,
            "points": lot.points,
            "remaining": lot.remaining,
            "earned_at": lot.earned_at.isoformat(),
            "matures_at": lot.matures_at.isoformat(),
            "expires_at": lot.expires_at and lot.expires_at.isoformat(),
            "matured": lot.matured,
        }
        for account in accounts
        for lot in account.new_lots
    ]
    drawn = [
        {"id": lot.id, "remaining": lot.remaining, "matured": lot.matured}
        for account in accounts
        for lot in account.touched_lots.values()
    ]
    allocations = [
        {
            "user_id": account.user_id,
            "lot_id": taking.lot.id,
            "lot_key": taking.lot.natural_key,
            "transaction_id": taking.transaction_id,
            "natural_key": taking.natural_key,
            "points": taking.points,
            "effective_at": taking.effective_at.isoformat(),
        }
        for account in accounts
        for taking in account.allocations
    ]
    balances = [
        {
            "user_id": account.user_id,
            "current_points": account.current,
            "pending_points": account.pending,
            "lifetime_points": account.lifetime,
            "debt_points": account.debt,
            "tier_id": account.tier_id,
            "settled_at": account.clock.isoformat(),
        }
        for account in accounts
    ]
    # Times are strings already: the encoder, which metadata needs, would cut them to milliseconds.
    parameters = [
        json.dumps(rows, cls=DjangoJSONEncoder) for rows in (entries, opened, drawn, allocations, balances)
    ]
    with connection.cursor() as cursor:
        _WRITE.execute(cursor, parameters)
    for account in accounts:
        # They have no id here: whoever needs them loads them.
        account.lots = [lot for lot in account.lots if lot.id is not None]
        account.entries, account.new_lots, account.allocations, account.touched_lots = [], [], [], {}
        account.changed = False
