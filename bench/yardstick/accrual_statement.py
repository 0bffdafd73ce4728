"""All orders' points in one statement, as somebody writes it who knows the tables."""

ONE_STATEMENT = """
WITH earned AS (
    SELECT o.id, o.user_id, o.shop, o.number, o.delivered_at, line.basis, r.facts,
           floor(line.basis * r.points_per_rand)::bigint AS points,
           (date_trunc('day', (o.delivered_at AT TIME ZONE 'Africa/Johannesburg')
                              + make_interval(months => p.points_valid_months))
            + interval '1 day') AT TIME ZONE 'Africa/Johannesburg' AS expires_at
    FROM orders o
    JOIN (
        SELECT order_id,
               sum(round((line_total - discount - points_value) * (qty - returned_qty) / qty, 2)) AS basis
        FROM order_items GROUP BY order_id
    ) line ON line.order_id = o.id
    CROSS JOIN programme p
    CROSS JOIN (
        SELECT points_per_rand,
               jsonb_build_object('id', id, 'name', name, 'type', rule_type, 'version', version,
                                  'points_per_rand', points_per_rand::text, 'points_amount', points_amount)
               AS facts
        FROM earning_rules WHERE rule_type = 'purchase' AND is_active
    ) r
    WHERE o.delivered_at IS NOT NULL AND o.status <> 'cancelled'
), entry AS (
    INSERT INTO points_transactions (user_id, natural_key, transaction_type, points, lifetime_points,
        description, effective_at, order_id, metadata, created_at)
    SELECT user_id, 'order:' || id || ':purchase', 'earned', points, points, 'Purchase, order ' || number,
           delivered_at, id,
           jsonb_build_object('rule', facts, 'order', number, 'shop', shop, 'basis', basis::text,
                              'full_basis', basis::text, 'currency', 'ZAR'),
           now()
    FROM earned WHERE points > 0
    ON CONFLICT (user_id, natural_key) DO NOTHING
    RETURNING id, user_id, order_id, points, effective_at
), opened AS (
    INSERT INTO point_lots (transaction_id, user_id, points, remaining, earned_at, matures_at, expires_at,
        matured, created_at, updated_at)
    SELECT entry.id, entry.user_id, entry.points, entry.points, entry.effective_at, entry.effective_at,
           earned.expires_at, true, now(), now()
    FROM entry JOIN earned ON earned.id = entry.order_id
)
UPDATE user_points
SET current_points = current_points + sums.points, lifetime_points = lifetime_points + sums.points,
    settled_at = now(), updated_at = now()
FROM (SELECT user_id, sum(points) AS points FROM entry GROUP BY user_id) sums
WHERE user_points.user_id = sums.user_id
"""
"""All delivered orders at once, for members that have accounts: no holds, no debts, no tiers, no returns."""
