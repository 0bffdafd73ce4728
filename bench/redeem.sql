-- A redeem as the project sends it, of a member with one lot; the voucher's id and code are drawn here.
-- (A colon before a letter names a variable for pgbench, in quotes as well.)
\set user random(:first, :last)
\set drawn random(1, 9000000000000000000)
SELECT u.id, u.created_at, u.updated_at, u.password, u.last_login, u.is_superuser, u.username, u.first_name,
    u.last_name, u.is_staff, u.is_active, u.date_joined, u.email, u.phone, u.external_id, u.stream_chat_user_id,
    u.last_token_refresh, u.phone_verified_at, u.email_verified_at, u.tokens_valid_from, u.language, u.time_zone,
    u.preferences::json, u.avatar
FROM users u WHERE u.id = :user::bigint AND u.is_active;
BEGIN;
WITH turn AS MATERIALIZED (SELECT pg_advisory_xact_lock_shared(499984462451))
SELECT user_id, current_points AS current, pending_points AS pending, lifetime_points AS lifetime,
    debt_points AS debt, tier_id AS tier, settled_at
FROM turn, user_points WHERE user_id = :user::bigint FOR UPDATE OF user_points \gset
SELECT l.user_id, l.points, l.remaining, l.earned_at, l.matures_at, l.expires_at, l.matured, t.natural_key,
    l.id AS lot, l.transaction_id
FROM (
    SELECT id
    FROM (
        SELECT id, sum(remaining) OVER (ORDER BY expires_at, earned_at, id) - remaining AS before
        FROM (
            SELECT id, remaining, expires_at, earned_at FROM point_lots
            WHERE user_id = :user::bigint AND remaining > 0 AND matured AND (expires_at IS NULL OR expires_at > now())
            ORDER BY expires_at, earned_at, id LIMIT 8
        ) first
    ) spent
    WHERE before < 100
    UNION ALL
    SELECT id FROM point_lots
    WHERE user_id = :user::bigint AND remaining > 0 AND (expires_at <= now() OR (NOT matured AND matures_at <= now()))
) wanted
JOIN point_lots l ON l.id = wanted.id JOIN points_transactions t ON t.id = l.transaction_id \gset
SELECT tier_basis, hold_days, points_valid_months, restored_points_days, voucher_valid_days, point_value,
    minimum_points,
    ARRAY(SELECT row_to_json(t) FROM (
        SELECT id, name, min_points, benefits FROM loyalty_tiers ORDER BY min_points
    ) t),
    o.created_at, o.updated_at, o.id, o.type, o.name, o.description, o.points_required AS price, o.value,
    o.category_id, o.min_tier_id, o.is_active
FROM programme LEFT JOIN redemption_options o ON o.id = 'voucher-10' AND o.is_active \gset
INSERT INTO user_vouchers (id, user_id, option_id, code, type, value, category_id, status,
                           expires_at, created_at, updated_at)
VALUES ('V' || lpad(to_hex(:drawn::bigint), 16, '0'), :user::bigint, 'voucher-10', upper(right(md5('' || :drawn::text), 12)),
        'discount_voucher', :value, NULL, 'available', now() + interval '30 days', now(), clock_timestamp())
ON CONFLICT (code) DO NOTHING;
WITH entry AS (
    INSERT INTO points_transactions (user_id, natural_key, transaction_type, points, lifetime_points,
        description, effective_at, order_id, voucher_id, related_id, metadata, created_at)
    SELECT e.*, clock_timestamp()
    FROM unnest(ARRAY[:user::bigint]::bigint[], ARRAY[concat_ws(':', 'voucher', 'V' || lpad(to_hex(:drawn::bigint), 16, '0'), 'redeem')]::text[], ARRAY['redeemed']::text[], ARRAY[-:price::bigint]::bigint[], ARRAY[0]::bigint[], ARRAY['Redeemed: R10 Off Voucher']::text[],
                ARRAY[now()]::timestamptz[], '{NULL}'::bigint[], ARRAY['V' || lpad(to_hex(:drawn::bigint), 16, '0')]::text[], '{NULL}'::bigint[], ARRAY['{"option": "voucher-10", "option_name": "R10 Off Voucher", "points_required": 100}']::jsonb[]) e
    RETURNING id, user_id, natural_key
), opened AS (
    INSERT INTO point_lots (transaction_id, user_id, points, remaining, earned_at, matures_at, expires_at,
        matured, created_at, updated_at)
    SELECT entry.id, entry.user_id, l.points, l.remaining, l.earned_at, l.matures_at, l.expires_at, l.matured,
           clock_timestamp(), clock_timestamp()
    FROM unnest('{}'::bigint[], '{}'::text[], '{}'::bigint[], '{}'::bigint[], '{}'::timestamptz[], '{}'::timestamptz[],
                '{}'::timestamptz[], '{}'::bool[])
         l (user_id, natural_key, points, remaining, earned_at, matures_at, expires_at, matured)
    JOIN entry ON entry.user_id = l.user_id AND entry.natural_key = l.natural_key
    RETURNING id, transaction_id
), drawn AS (
    UPDATE point_lots SET remaining = l.remaining, matured = l.matured, updated_at = clock_timestamp()
    FROM unnest(ARRAY[:lot::bigint]::bigint[], ARRAY[:remaining::bigint - :price::bigint]::bigint[], ARRAY[true]::bool[]) l (id, remaining, matured)
    WHERE point_lots.id = l.id
), allocated AS (
    INSERT INTO lot_allocations (user_id, lot_id, transaction_id, points, effective_at, created_at)
    SELECT a.user_id, coalesce(a.lot_id, opened.id), coalesce(a.transaction_id, entry.id), a.points,
           a.effective_at, clock_timestamp()
    FROM unnest(ARRAY[:user::bigint]::bigint[], ARRAY[:lot::bigint]::bigint[], ARRAY['opening']::text[], '{NULL}'::bigint[], ARRAY[concat_ws(':', 'voucher', 'V' || lpad(to_hex(:drawn::bigint), 16, '0'), 'redeem')]::text[], ARRAY[:price::bigint]::bigint[],
                ARRAY[now()]::timestamptz[])
         a (user_id, lot_id, lot_key, transaction_id, natural_key, points, effective_at)
    LEFT JOIN entry ON entry.user_id = a.user_id AND entry.natural_key = a.natural_key
    LEFT JOIN entry maker ON maker.user_id = a.user_id AND maker.natural_key = a.lot_key
    LEFT JOIN opened ON opened.transaction_id = maker.id
)
UPDATE user_points
SET current_points = b.current_points, pending_points = b.pending_points,
    lifetime_points = b.lifetime_points, debt_points = b.debt_points, tier_id = b.tier_id,
    settled_at = b.settled_at, updated_at = clock_timestamp()
FROM unnest(ARRAY[:user::bigint]::bigint[], ARRAY[:current::bigint - :price::bigint]::bigint[], ARRAY[:pending::bigint]::bigint[], ARRAY[:lifetime::bigint]::bigint[], ARRAY[:debt::bigint]::bigint[], ARRAY[:tier::bigint]::bigint[],
            ARRAY[now()]::timestamptz[])
     b (user_id, current_points, pending_points, lifetime_points, debt_points, tier_id, settled_at)
WHERE user_points.user_id = b.user_id;
COMMIT;
