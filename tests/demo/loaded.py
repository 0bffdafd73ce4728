"""Loading small shops in tests, and telling whether two of them are the same."""

from datetime import date, datetime
from typing import Any

from django.db import connection

from demo.loading import load_shop
from demo.models import DemoShop
from demo.shop import ZONE, Plan

ANCHOR = date(2026, 5, 28)
"""A day on which even a small shop has something of everything."""
NOW = datetime(2026, 5, 28, 10, 0, tzinfo=ZONE)

_COUNTS = """
    SELECT 'orders', status, count(*), sum(total) FROM orders GROUP BY status
    UNION ALL SELECT 'steps', to_status, count(*), 0 FROM order_steps GROUP BY to_status
    UNION ALL SELECT 'returns', '', count(*), sum(qty) FROM order_return_lines
    UNION ALL SELECT 'reviews', status, count(*), sum(rating) FROM reviews GROUP BY status
    UNION ALL SELECT 'vouchers', status, count(*), sum(value) FROM user_vouchers GROUP BY status
    UNION ALL SELECT 'ledger', transaction_type, count(*), sum(points) FROM points_transactions GROUP BY 2
    UNION ALL SELECT 'lots', '', count(*), sum(remaining) FROM point_lots
    UNION ALL SELECT 'allocations', '', count(*), sum(points) FROM lot_allocations
    UNION ALL SELECT 'tier moves', '', count(*), sum(basis_points) FROM tier_changes
    UNION ALL SELECT 'audit', action, count(*), 0 FROM core_auditentry GROUP BY action
    UNION ALL SELECT 'catalogue', '', (SELECT count(*) FROM categories), sum(price) FROM products
    UNION ALL SELECT 'tickets', status, count(*), sum(unread_by_member) FROM support_tickets GROUP BY status
    UNION ALL SELECT 'ticket messages', author, count(*), 0 FROM ticket_messages GROUP BY author
    UNION ALL SELECT 'ticket changes', what, count(*), 0 FROM ticket_changes GROUP BY what
    UNION ALL SELECT 'campaigns', status, count(*), 0 FROM campaigns GROUP BY status
    UNION ALL SELECT 'inbox', kind, count(*), 0 FROM inbox_messages GROUP BY kind
    UNION ALL SELECT 'waiting', '', count(*), 0 FROM core_outboxmessage
"""
_BALANCES = """
    SELECT external_id, current_points, pending_points, lifetime_points, debt_points, t.name
    FROM users u LEFT JOIN user_points p ON p.user_id = u.id LEFT JOIN loyalty_tiers t ON t.id = p.tier_id
"""


class Killed(BaseException):
    """What a test does to a load."""


def small_plan(anchor: date = ANCHOR) -> Plan:
    return Plan(anchor, members=30, products=40)


def load(plan: Plan | None = None, *, killed_after: int | None = None) -> DemoShop | None:
    """Load a small shop; `killed_after` so many phases it goes no further."""

    def progress(done: int, of: int) -> None:
        if done == killed_after:
            raise Killed

    return load_shop(plan or small_plan(), progress=progress)


def totals() -> dict[str, Any]:
    """Everything that a load that was interrupted could have lost or doubled."""
    with connection.cursor() as cursor:
        cursor.execute(_COUNTS)
        counts = {(table, kind): (count, total) for table, kind, count, total in cursor.fetchall()}
        cursor.execute(_BALANCES)
        return counts | {member: tuple(points) for member, *points in cursor.fetchall()}
