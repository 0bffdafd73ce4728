"""The statements of quoting, ordering, balances and redeeming, as the project's endpoints send them."""

import json
from typing import Any

from core.database.prepared import Prepared

USER = Prepared(
    "users_active",
    "SELECT u.id, u.created_at, u.updated_at, u.password, u.last_login, u.is_superuser, u.username,"
    " u.first_name, u.last_name, u.is_staff, u.is_active, u.date_joined, u.email, u.phone, u.external_id,"
    " u.stream_chat_user_id, u.last_token_refresh, u.phone_verified_at, u.email_verified_at,"
    " u.tokens_valid_from, u.language, u.time_zone, u.preferences::json, u.avatar"
    " FROM users u WHERE u.id = %s AND u.is_active",
)

TERMS = (
    'SELECT "checkout_settings"."created_at", "checkout_settings"."updated_at", "checkout_settings"."id",'
    ' "checkout_settings"."shipping_fee", "checkout_settings"."free_shipping_from",'
    ' "checkout_settings"."vat_rate", "checkout_settings"."vat_included",'
    ' "checkout_settings"."minimum_subtotal", "checkout_settings"."unpaid_minutes",'
    ' "checkout_settings"."quote_minutes" FROM "checkout_settings" LIMIT 21'
)

PRODUCTS = """
SELECT p.id, p.sku, p.name, p.price,
       p.is_active AND coalesce(listed.is_active, true) AND NOT EXISTS (
           SELECT FROM products variant WHERE variant.variant_of_id = p.id AND variant.is_active
       ),
       CASE WHEN p.stock_is_tracked THEN p.stock END
FROM products p LEFT JOIN products listed ON listed.id = p.variant_of_id
WHERE p.id = ANY(%s)
"""

PROGRAMME = Prepared(
    "programme",
    """
SELECT tier_basis, hold_days, points_valid_months, restored_points_days, voucher_valid_days, point_value,
       minimum_points,
       ARRAY(SELECT row_to_json(t) FROM (
           SELECT id, name, min_points, benefits FROM loyalty_tiers ORDER BY min_points
       ) t)
FROM programme
    """,
)

TERMS_OF_OPTION = Prepared(
    "programme_with_option",
    """
SELECT tier_basis, hold_days, points_valid_months, restored_points_days, voucher_valid_days, point_value,
       minimum_points,
       ARRAY(SELECT row_to_json(t) FROM (
           SELECT id, name, min_points, benefits FROM loyalty_tiers ORDER BY min_points
       ) t),
       o.created_at, o.updated_at, o.id, o.type, o.name, o.description, o.points_required, o.value,
       o.category_id, o.min_tier_id, o.is_active
FROM programme LEFT JOIN redemption_options o ON o.id = %s AND o.is_active
    """,
)

POINTS = Prepared(
    "user_points_by_the_clock",
    """
SELECT p.current_points, p.pending_points, p.lifetime_points, p.debt_points, p.tier_id,
       l.points, l.remaining, l.earned_at, l.matures_at, l.expires_at, l.matured, l.id
FROM user_points p
LEFT JOIN point_lots l ON l.user_id = p.user_id AND l.remaining > 0
    AND (l.expires_at <= %s OR (NOT l.matured AND l.matures_at <= %s))
WHERE p.user_id = %s
    """,
)

ORDER = """
INSERT INTO orders (created_at, updated_at, shop, number, user_id, status, currency, subtotal, discount,
    shipping, tax, tax_included, total, points_used, points_value, voucher_code, voucher_discount,
    placed_key, pay_by, payment_reference, placed_at, paid_at, processing_at, shipped_at, delivered_at,
    cancelled_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s,
    %s)
ON CONFLICT DO NOTHING RETURNING id
"""

STOCK = """
WITH wanted AS (
    SELECT products.id, products.stock, asked.qty
    FROM products
    JOIN unnest(%s::bigint[], %s::int[]) AS asked (product_id, qty)
      ON asked.product_id = products.id
    WHERE products.stock_is_tracked
    ORDER BY products.id FOR NO KEY UPDATE OF products
), taken AS (
    UPDATE products SET stock = products.stock - wanted.qty, updated_at = now()
    FROM wanted
    WHERE products.id = wanted.id
      AND NOT EXISTS (SELECT FROM wanted AS lacking WHERE lacking.stock < lacking.qty)
)
SELECT id, qty, stock FROM wanted
"""

ITEMS = (
    'INSERT INTO "order_items" ("created_at", "updated_at", "order_id", "position", "product_id", "sku",'
    ' "name", "qty", "unit_price", "discount", "points_value", "tax", "stock_taken", "returned_qty")'
    " SELECT * FROM UNNEST((%s)::timestamp with time zone[], (%s)::timestamp with time zone[],"
    " (%s)::bigint[], (%s)::integer[], (%s)::bigint[], (%s)::varchar[], (%s)::varchar[], (%s)::integer[],"
    " (%s)::numeric[], (%s)::numeric[], (%s)::numeric[], (%s)::numeric[], (%s)::boolean[], (%s)::integer[])"
    ' RETURNING "order_items"."id", "order_items"."line_total", "order_items"."tax",'
    ' "order_items"."stock_taken"'
)

STEP = (
    'INSERT INTO "order_steps" ("order_id", "from_status", "to_status", "actor", "user_id", "reason", "at",'
    ' "created_at") VALUES (%s, %s, %s, %s, %s, %s, %s, %s) RETURNING "order_steps"."id"'
)

ACCOUNT = Prepared(
    "lock_account",
    """
    WITH turn AS MATERIALIZED (SELECT pg_advisory_xact_lock_shared(%s))
    SELECT user_id, current_points, pending_points, lifetime_points, debt_points, tier_id, settled_at
    FROM turn, user_points WHERE user_id = %s FOR UPDATE OF user_points
    """,
)

LOTS = Prepared(
    "lots_to_spend",
    """
    SELECT l.user_id, l.points, l.remaining, l.earned_at, l.matures_at, l.expires_at, l.matured,
           t.natural_key, l.id, l.transaction_id
    FROM (
        SELECT id
        FROM (
            SELECT id, sum(remaining) OVER (ORDER BY expires_at, earned_at, id) - remaining AS before
            FROM (
                SELECT id, remaining, expires_at, earned_at FROM point_lots
                WHERE user_id = %s AND remaining > 0 AND matured AND (expires_at IS NULL OR expires_at > %s)
                ORDER BY expires_at, earned_at, id LIMIT 8
            ) first
        ) spent
        WHERE before < %s
        UNION ALL
        SELECT id FROM point_lots
        WHERE user_id = %s AND remaining > 0 AND (expires_at <= %s OR (NOT matured AND matures_at <= %s))
    ) wanted
    JOIN point_lots l ON l.id = wanted.id JOIN points_transactions t ON t.id = l.transaction_id
    """,
)

VOUCHER = """
INSERT INTO user_vouchers (id, user_id, option_id, code, type, value, category_id, status,
                           expires_at, created_at, updated_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, clock_timestamp())
ON CONFLICT (code) DO NOTHING
"""

SPEND = Prepared(
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


def spend_parameters(
    entry: dict[str, Any], drawn: list[tuple[int, int, str, int]], balance: dict[str, Any]
) -> list[str]:
    """Return what SPEND takes, for a line, (lot, what remains, its key, what is taken), and a balance."""
    key, user_id, at = entry["natural_key"], entry["user_id"], entry["effective_at"]
    allocations = [
        {
            "user_id": user_id,
            "lot_id": lot_id,
            "lot_key": lot_key,
            "transaction_id": None,
            "natural_key": key,
            "points": taken,
            "effective_at": at,
        }
        for lot_id, _, lot_key, taken in drawn
    ]
    lots = [{"id": lot_id, "remaining": remaining, "matured": True} for lot_id, remaining, _, _ in drawn]
    return [json.dumps(rows) for rows in ([entry], [], lots, allocations, [balance])]
