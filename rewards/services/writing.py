"""One statement that writes what was done to accounts: lines, lots, allocations and balances."""

import json
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection

from rewards.account import Account

_WRITE = """
WITH entry AS (
    INSERT INTO points_transactions (user_id, natural_key, transaction_type, points, lifetime_points,
        description, effective_at, order_id, voucher_id, related_id, metadata, created_at)
    SELECT e.*, clock_timestamp()
    FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::text[],
                %s::timestamptz[], %s::bigint[], %s::text[], %s::bigint[], %s::jsonb[]) e
    RETURNING id, user_id, natural_key
), opened AS (
    INSERT INTO point_lots (transaction_id, user_id, points, remaining, earned_at, matures_at, expires_at,
        matured, created_at, updated_at)
    SELECT entry.id, entry.user_id, l.points, l.remaining, l.earned_at, l.matures_at, l.expires_at, l.matured,
           clock_timestamp(), clock_timestamp()
    FROM unnest(%s::bigint[], %s::text[], %s::bigint[], %s::bigint[], %s::timestamptz[], %s::timestamptz[],
                %s::timestamptz[], %s::bool[])
         l (user_id, natural_key, points, remaining, earned_at, matures_at, expires_at, matured)
    JOIN entry ON entry.user_id = l.user_id AND entry.natural_key = l.natural_key
    RETURNING id, transaction_id
), drawn AS (
    UPDATE point_lots SET remaining = l.remaining, matured = l.matured, updated_at = clock_timestamp()
    FROM unnest(%s::bigint[], %s::bigint[], %s::bool[]) l (id, remaining, matured)
    WHERE point_lots.id = l.id
), allocated AS (
    INSERT INTO lot_allocations (user_id, lot_id, transaction_id, points, effective_at, created_at)
    SELECT a.user_id, coalesce(a.lot_id, opened.id), coalesce(a.transaction_id, entry.id), a.points,
           a.effective_at, clock_timestamp()
    FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::bigint[], %s::text[], %s::bigint[],
                %s::timestamptz[])
         a (user_id, lot_id, lot_key, transaction_id, natural_key, points, effective_at)
    LEFT JOIN entry ON entry.user_id = a.user_id AND entry.natural_key = a.natural_key
    LEFT JOIN entry maker ON maker.user_id = a.user_id AND maker.natural_key = a.lot_key
    LEFT JOIN opened ON opened.transaction_id = maker.id
)
UPDATE user_points
SET current_points = b.current_points, pending_points = b.pending_points,
    lifetime_points = b.lifetime_points, debt_points = b.debt_points, tier_id = b.tier_id,
    settled_at = b.settled_at, updated_at = clock_timestamp()
FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[],
            %s::timestamptz[])
     b (user_id, current_points, pending_points, lifetime_points, debt_points, tier_id, settled_at)
WHERE user_points.user_id = b.user_id
"""


def write(accounts: list[Account]) -> None:
    """Write entries, lots, allocations and balances of `accounts`, and forget that they changed."""
    if not accounts:
        return
    entries = [
        (
            account.user_id,
            entry.cause.natural_key,
            entry.transaction_type,
            entry.points,
            entry.lifetime_points,
            entry.cause.description,
            entry.cause.effective_at,
            entry.cause.order_id,
            entry.cause.voucher_id,
            entry.cause.related_id,
            json.dumps(entry.cause.metadata, cls=DjangoJSONEncoder),
        )
        for account in accounts
        for entry in account.entries
    ]
    opened = [
        (
            account.user_id,
            lot.natural_key,
            lot.points,
            lot.remaining,
            lot.earned_at,
            lot.matures_at,
            lot.expires_at,
            lot.matured,
        )
        for account in accounts
        for lot in account.new_lots
    ]
    drawn = [
        (lot.id, lot.remaining, lot.matured) for account in accounts for lot in account.touched_lots.values()
    ]
    allocations = [
        (
            account.user_id,
            taking.lot.id,
            taking.lot.natural_key,
            taking.transaction_id,
            taking.natural_key,
            taking.points,
            taking.effective_at,
        )
        for account in accounts
        for taking in account.allocations
    ]
    balances = [
        (
            account.user_id,
            account.current,
            account.pending,
            account.lifetime,
            account.debt,
            account.tier_id,
            account.clock,
        )
        for account in accounts
    ]
    parameters = [
        *_columns(entries, 11),
        *_columns(opened, 8),
        *_columns(drawn, 3),
        *_columns(allocations, 7),
        *_columns(balances, 7),
    ]
    with connection.cursor() as cursor:
        cursor.execute(_WRITE, parameters)
    for account in accounts:
        # They have no id here: whoever needs them loads them.
        account.lots = [lot for lot in account.lots if lot.id is not None]
        account.entries, account.new_lots, account.allocations, account.touched_lots = [], [], [], {}
        account.changed = False


def _columns(rows: list[tuple[Any, ...]], width: int) -> list[list[Any]]:
    """Turn rows into the arrays that `unnest` takes, one a column."""
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(width)]
