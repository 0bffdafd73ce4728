"""The statements of quoting and ordering, as the project's endpoints send them."""

USER = "SELECT * FROM users WHERE id = %s AND is_active"

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

PROGRAMME = """
SELECT tier_basis, hold_days, points_valid_months, restored_points_days, voucher_valid_days,
       point_value, minimum_points,
       ARRAY(SELECT row_to_json(t) FROM (
           SELECT id, name, min_points, benefits FROM loyalty_tiers ORDER BY min_points
       ) t)
FROM programme
"""

POINTS = """
SELECT p.current_points, p.pending_points, p.lifetime_points, p.debt_points, p.tier_id,
       l.points, l.remaining, l.earned_at, l.matures_at, l.expires_at, l.matured, l.id
FROM user_points p
LEFT JOIN point_lots l ON l.user_id = p.user_id AND l.remaining > 0
    AND (l.expires_at <= %s OR (NOT l.matured AND l.matures_at <= %s))
WHERE p.user_id = %s
"""

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

ACCOUNT = """
WITH turn AS MATERIALIZED (SELECT pg_advisory_xact_lock_shared(%s))
SELECT user_id, current_points, pending_points, lifetime_points, debt_points, tier_id, settled_at
FROM turn, user_points WHERE user_id = ANY(%s) ORDER BY user_id FOR UPDATE OF user_points
"""

LOTS = """
SELECT l.user_id, l.points, l.remaining, l.earned_at, l.matures_at, l.expires_at, l.matured, t.natural_key,
       l.id, l.transaction_id
FROM point_lots l JOIN points_transactions t ON t.id = l.transaction_id
WHERE l.user_id = ANY(%s) AND l.remaining > 0
"""

SPEND = """
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
