-- The books of %(members)s members as they are at %(now)s, for `bench.books`; each step begins with `-- step:`.
-- A few members have thousands of lines, most have a handful. A purchase's order has the id of its ledger line,
-- and so has its lot. Points are held for 14 days and expire after 24 months; history begins 36 months ago.

-- step: members
INSERT INTO users (id, username, email, phone, external_id, password, is_superuser, is_staff, is_active, first_name,
    last_name, date_joined, created_at, updated_at)
SELECT n, 'member' || n, 'member' || n || '@example.com', '+278' || lpad(n::text, 8, '0'), 'X' || n, '!',
       false, false, true, '', '', joined, joined, joined
FROM generate_series(1, %(members)s) n, (SELECT %(now)s::timestamptz - interval '36 months' AS joined) s;

-- step: products
INSERT INTO products (id, sku, name, description, price, image_url, is_active, created_at, updated_at)
SELECT n, 'BOOK-' || n, 'Product ' || n, '', 100, '', true, now(), now() FROM generate_series(1, 1000) n;

-- step: what was earned
CREATE UNLOGGED TABLE loading.lot AS
WITH member AS (
    -- A golden-ratio sequence: the same spread of activity however many members there are.
    SELECT n AS user_id, least(2000, floor(%(activity)s * (
        power(1 - mod(n * 0.6180339887498949, 1)::float8, -1 / 1.3) - 1)))::int AS lots
    FROM generate_series(1, %(members)s) n
), drawn AS (
    SELECT user_id, j, lots, hashint8extended(user_id::int8 * 4096 + j, 1) & 4294967295 AS r
    FROM member CROSS JOIN LATERAL generate_series(1, lots) j
), earned AS (
    SELECT user_id, j, (j - 1) / 5 AS block, r,
           CASE WHEN mod(r, 100) < 25 THEN 'order' WHEN mod(r, 100) < 27 THEN 'adjust'
                WHEN mod(r, 100) < 29 THEN 'referral' ELSE 'review' END AS kind,
           %(now)s::timestamptz - (1095 * (1 - (j - 1 + (r / 4294967296.0)) / lots)) * interval '1 day' AS earned_at
    FROM drawn
)
SELECT user_id, j, block, kind, earned_at, earned_at + interval '14 days' AS matures_at,
       (date_trunc('day', earned_at AT TIME ZONE %(zone)s) + interval '24 months' + interval '1 day')
           AT TIME ZONE %(zone)s AS expires_at,
       CASE kind WHEN 'order' THEN 20 + (r / 100) %% 180 WHEN 'adjust' THEN 100 WHEN 'referral' THEN 500
            ELSE 50 END::int AS points,
       kind = 'order' AND (r / 20000) %% 5 = 0 AND earned_at + interval '5 days' <= %(now)s AS came_back
FROM earned;

-- step: what was spent of it, returned and expired
CREATE UNLOGGED TABLE loading.kept AS
WITH returned AS (
    SELECT *, CASE WHEN came_back THEN points - points / 2 ELSE 0 END AS reversed,
           CASE WHEN count(*) OVER block = 5 THEN max(earned_at) OVER block + interval '15 days' END AS redeemed_at
    FROM loading.lot WINDOW block AS (PARTITION BY user_id, block)
), offered AS (
    SELECT *, CASE WHEN redeemed_at <= %(now)s AND redeemed_at < expires_at THEN points - reversed ELSE 0 END AS there
    FROM returned
), covered AS (
    SELECT *, sum(there) OVER (PARTITION BY user_id, block ORDER BY j) AS reach,
           sum(there) OVER (PARTITION BY user_id, block) AS in_all
    FROM offered
), spent AS (
    SELECT *, CASE WHEN in_all >= 100 THEN greatest(0, least(there, 100 - (reach - there))) ELSE 0 END::int AS spent
    FROM covered
)
SELECT user_id, j, block, kind, earned_at, matures_at, expires_at, points, reversed,
       CASE WHEN in_all >= 100 THEN redeemed_at END AS redeemed_at, spent,
       CASE WHEN expires_at <= %(now)s THEN points - reversed - spent ELSE 0 END AS expired
FROM spent;
DROP TABLE loading.lot;

-- step: the ledger's lines in the order of time
CREATE UNLOGGED TABLE loading.line AS
SELECT row_number() OVER (ORDER BY at, user_id, kind, j) AS id, at, user_id, kind, j, points
FROM (
    SELECT earned_at AS at, user_id, kind, j, points FROM loading.kept
    UNION ALL
    SELECT earned_at + interval '5 days', user_id, 'reversed', j, -reversed FROM loading.kept WHERE reversed > 0
    UNION ALL
    SELECT redeemed_at, user_id, 'redeemed', block, -100 FROM loading.kept
    WHERE redeemed_at IS NOT NULL GROUP BY redeemed_at, user_id, block
    UNION ALL
    SELECT expires_at, user_id, 'expired', j, -expired FROM loading.kept WHERE expired > 0
    UNION ALL
    SELECT %(now)s::timestamptz - interval '36 months', n, 'opening', 0, -25
    FROM generate_series(1, %(members)s) n
    WHERE mod(n, 10) = 0 AND NOT EXISTS (SELECT FROM loading.kept WHERE user_id = n)
) happened;

-- step: which line made which lot
CREATE UNLOGGED TABLE loading.made AS
SELECT line.id, kept.*,
       CASE kept.kind WHEN 'order' THEN 'order:' || line.id || ':purchase'
            ELSE kept.kind || ':' || line.id END AS natural_key
FROM loading.kept JOIN loading.line ON line.user_id = kept.user_id AND line.j = kept.j AND line.kind = kept.kind;
DROP TABLE loading.kept;

-- step: orders
INSERT INTO orders (id, shop, number, user_id, status, currency, subtotal, discount, shipping, tax, tax_included, total,
    points_used, points_value, voucher_code, voucher_discount, placed_at, delivered_at, created_at, updated_at)
SELECT id, 'markethub', 'BK-' || id, user_id, CASE WHEN reversed > 0 THEN 'partially_returned' ELSE 'delivered' END,
       'ZAR', points * 10, 0, 0, 0, true, points * 10, 0, 0, '', 0, earned_at, earned_at, earned_at, earned_at
FROM loading.made WHERE kind = 'order' ORDER BY id;

-- step: order lines
INSERT INTO order_items (order_id, position, product_id, sku, name, qty, unit_price, discount, points_value,
    returned_qty, created_at, updated_at)
SELECT id, position, product, 'BOOK-' || product, 'Product ' || product, 3 - position,
       points * 5.0 / (3 - position), 0, 0, CASE WHEN reversed > 0 AND position = 2 THEN 1 ELSE 0 END,
       earned_at, earned_at
FROM (SELECT *, 1 + mod(id * 7 + position, 1000) AS product
      FROM loading.made CROSS JOIN generate_series(1, 2) position WHERE kind = 'order') line
ORDER BY id, position;

-- step: returns
INSERT INTO order_returns (order_id, reference, reason, actor, at, created_at)
SELECT id, 'R' || id, '', 'system', earned_at + interval '5 days', earned_at + interval '5 days'
FROM loading.made WHERE reversed > 0 ORDER BY id;

-- step: vouchers
INSERT INTO user_vouchers (id, user_id, option_id, code, type, value, status, expires_at, used_at, created_at,
    updated_at)
SELECT 'V' || substr(md5(id::text), 1, 16), user_id, 'voucher-10', upper(substr(md5(id::text), 17, 16)),
       'discount_voucher', 10,
       CASE WHEN used_at IS NOT NULL THEN 'used' WHEN expires_at <= %(now)s THEN 'expired' ELSE 'available' END,
       expires_at, used_at, at, at
FROM (SELECT *, CASE WHEN mod(id, 10) < 6 AND at + interval '3 days' <= %(now)s THEN at + interval '3 days' END
                    AS used_at,
             (date_trunc('day', at AT TIME ZONE %(zone)s) + interval '31 days') AT TIME ZONE %(zone)s AS expires_at
      FROM loading.line WHERE kind = 'redeemed') bought
ORDER BY id;

-- step: ledger lines
INSERT INTO points_transactions (id, user_id, natural_key, transaction_type, points, lifetime_points, description,
    effective_at, order_id, voucher_id, related_id, metadata, created_at)
SELECT id, user_id,
       CASE kind WHEN 'redeemed' THEN 'voucher:' || voucher || ':redeem' WHEN 'expired' THEN made_key || ':expire'
                 WHEN 'reversed' THEN 'order:' || made_id || ':keeps:' || made_points / 2
                 WHEN 'opening' THEN 'opening:debt' ELSE made_key END,
       CASE WHEN kind IN ('order', 'review', 'referral') THEN 'earned' WHEN kind = 'adjust' THEN 'adjusted'
            ELSE kind END,
       points, CASE WHEN kind IN ('redeemed', 'expired', 'opening') THEN 0 ELSE points END,
       CASE kind WHEN 'order' THEN 'Purchase, order BK-' || id WHEN 'review' THEN 'Review bonus'
                 WHEN 'referral' THEN 'Referral bonus' WHEN 'adjust' THEN 'For the trouble'
                 WHEN 'reversed' THEN 'Return, order BK-' || made_id WHEN 'redeemed' THEN 'Redeemed: R10 Off Voucher'
                 WHEN 'expired' THEN 'Points expired' ELSE 'Opening debt' END,
       at, CASE kind WHEN 'order' THEN id WHEN 'reversed' THEN made_id END, voucher,
       CASE kind WHEN 'reversed' THEN made_id END,
       CASE kind
           WHEN 'order' THEN jsonb_build_object('rule', rules -> 'purchase', 'order', 'BK-' || id, 'shop', 'markethub',
               'basis', (points * 10) || '.00', 'full_basis', (points * 10) || '.00', 'currency', 'ZAR')
           WHEN 'reversed' THEN jsonb_build_object('rule', rules -> 'purchase', 'order', 'BK-' || made_id,
               'shop', 'markethub', 'basis', (made_points * 5) || '.00', 'full_basis', (made_points * 10) || '.00',
               'currency', 'ZAR', 'earned', made_points, 'entitled', made_points / 2, 'reversed_before', 0,
               'expired_before', 0, 'returns', jsonb_build_array('R' || made_id))
           WHEN 'redeemed' THEN '{"option": "voucher-10", "option_name": "R10 Off Voucher", "points_required": 100}'
           WHEN 'expired' THEN jsonb_build_object('earned_at', made_at, 'lot_points', made_points)
           WHEN 'adjust' THEN '{"reason": "For the trouble"}'
           WHEN 'opening' THEN '{}'
           ELSE jsonb_build_object('rule', rules -> kind)
       END,
       at
FROM (SELECT line.*, made.id AS made_id, made.points AS made_points, made.earned_at AS made_at,
             made.natural_key AS made_key,
             CASE line.kind WHEN 'redeemed' THEN 'V' || substr(md5(line.id::text), 1, 16) END AS voucher
      FROM loading.line
      LEFT JOIN loading.made ON line.kind NOT IN ('redeemed', 'opening')
                            AND made.user_id = line.user_id AND made.j = line.j
      ORDER BY line.id) line,
     (SELECT jsonb_object_agg(rule_type, jsonb_build_object('id', id, 'name', name, 'type', rule_type,
          'version', version, 'points_per_rand', points_per_rand::text, 'points_amount', points_amount)) AS rules
      FROM earning_rules) stored;

-- step: lots
INSERT INTO point_lots (id, transaction_id, user_id, points, remaining, earned_at, matures_at, matured, expires_at,
    created_at, updated_at)
SELECT id, id, user_id, points, points - reversed - spent - expired, earned_at, matures_at, matures_at <= %(now)s,
       expires_at, earned_at, earned_at
FROM loading.made ORDER BY id;

-- step: allocations
INSERT INTO lot_allocations (user_id, lot_id, transaction_id, points, effective_at, created_at)
SELECT user_id, made_id, id, taken, at, at
FROM (
    SELECT line.user_id, made.id AS made_id, line.id, -line.points AS taken, line.at
    FROM loading.line JOIN loading.made USING (user_id, j) WHERE line.kind IN ('reversed', 'expired')
    UNION ALL
    SELECT line.user_id, made.id, line.id, made.spent, line.at
    FROM loading.line JOIN loading.made ON made.user_id = line.user_id AND made.block = line.j
    WHERE line.kind = 'redeemed' AND made.spent > 0
) taking
ORDER BY id, made_id;

-- step: balances
INSERT INTO user_points (user_id, current_points, pending_points, lifetime_points, debt_points, tier_id, settled_at,
    created_at, updated_at)
SELECT n, account.current, account.pending, account.lifetime, account.debt,
       (SELECT id FROM loyalty_tiers WHERE min_points <= account.lifetime ORDER BY min_points DESC LIMIT 1),
       %(now)s, %(now)s::timestamptz - interval '36 months', %(now)s
FROM generate_series(1, %(members)s) n
LEFT JOIN (
    SELECT user_id, coalesce(sum(left_over) FILTER (WHERE matures_at <= %(now)s), 0) AS current,
           coalesce(sum(left_over) FILTER (WHERE matures_at > %(now)s), 0) AS pending, sum(points - reversed) AS lifetime
    FROM (SELECT *, points - reversed - spent - expired AS left_over FROM loading.made) lot GROUP BY user_id
) have ON have.user_id = n
LEFT JOIN (SELECT user_id, -points AS debt FROM loading.line WHERE kind = 'opening') owe ON owe.user_id = n
CROSS JOIN LATERAL (SELECT coalesce(have.current, 0), coalesce(have.pending, 0), coalesce(have.lifetime, 0),
                           coalesce(owe.debt, 0)) account (current, pending, lifetime, debt)
ORDER BY n;

-- step: tier moves
INSERT INTO tier_changes (user_id, to_tier_id, basis_points, reason, created_at)
SELECT user_id, tier_id, lifetime_points, 'points', created_at FROM user_points ORDER BY user_id;
