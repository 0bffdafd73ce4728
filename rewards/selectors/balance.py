"""Balances: as they are by the clock, and as they were."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby

from django.db import connection
from django.utils import timezone

from core.database.prepared import Prepared
from rewards.account import Account, Lot
from rewards.rules import Tier, tier_after, tier_for, tier_progress
from rewards.selectors.programme import ProgrammeRules, programme_rules
from rewards.selectors.tier_basis import basis_points

EXPIRING_SOON = timedelta(days=30)

_ACCOUNT = Prepared(
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


@dataclass(frozen=True, slots=True)
class Balance:
    """Points of a member; `expiry_date` is the last local day of the first that expire within 30 days."""

    current_points: int
    pending_points: int
    lifetime_points: int
    debt_points: int
    points_expiring_soon: int
    expiry_date: date | None


@dataclass(frozen=True, slots=True)
class Expiring:
    """Points whose last local day is `date`."""

    date: date
    points: int


@dataclass(frozen=True, slots=True)
class LoyaltyStatus:
    """Where a member stands among the tiers; `basis_points` is what they are judged by."""

    current_tier: Tier | None
    next_tier: Tier | None
    points_to_next_tier: int
    tier_progress: float
    basis_points: int


def balance(user_id: int, *, at: datetime) -> Balance:
    """Return the balance at `at`, now or about now, in one query; zeros for a member without an account.

    What has matured or expired and is not posted yet is counted as if it were.
    """
    return _summary(settled_account(user_id, at=at, expiring_until=at + EXPIRING_SOON), at)


def balance_as_of(user_id: int, *, at: datetime) -> Balance:
    """Return the balance at any `at`, recomputed from the ledger's lines and lots, in one query."""
    return _summary(_account_as_of(user_id, at), at)


def expiring(user_id: int, *, at: datetime) -> list[Expiring]:
    """Return how much goes on which local day, soonest first."""
    account = settled_account(user_id, at=at, expiring_until=datetime.max.replace(tzinfo=at.tzinfo))
    lots = _dated(account.lots)
    return [Expiring(day, sum(lot.remaining for lot in group)) for day, group in groupby(lots, key=last_day)]


def loyalty_status(user_id: int, *, at: datetime) -> LoyaltyStatus:
    """Return the member's tier and way to the next, computed from the points as they are now."""
    programme = programme_rules()
    points = basis_points_of(settled_account(user_id, at=at), programme, at=at)
    following = tier_after(points, programme.tiers)
    return LoyaltyStatus(
        current_tier=tier_for(points, programme.tiers),
        next_tier=following,
        points_to_next_tier=following.min_points - points if following else 0,
        tier_progress=tier_progress(points, following),
        basis_points=points,
    )


def basis_points_of(account: Account, programme: ProgrammeRules, *, at: datetime) -> int:
    """Return the points by which this member's tier is judged."""
    return basis_points([account], programme, at=at)[account.user_id]


def settled_account(user_id: int, *, at: datetime, expiring_until: datetime | None = None) -> Account:
    """Return the account with what the clock has decided by `at` applied, unlocked and unposted.

    It has the lots that the clock moved, and those that expire up to `expiring_until`.
    """
    with connection.cursor() as cursor:
        _ACCOUNT.execute(cursor, [expiring_until or at, at, user_id])
        rows = cursor.fetchall()
    if not rows:
        return Account(user_id)
    account = Account(user_id, *rows[0][:5])
    account.lots = [_lot(*row[5:]) for row in rows if row[-1] is not None]
    account.settle(at)
    return account


def _lot(
    points: int,
    remaining: int,
    earned_at: datetime,
    matures_at: datetime,
    expires_at: datetime | None,
    matured: bool,
    pk: int,
) -> Lot:
    return Lot(points, remaining, earned_at, matures_at, expires_at, matured, natural_key="", id=pk)


def _account_as_of(user_id: int, at: datetime) -> Account:
    """Rebuild the account from what was effective by `at`.

    The lines give the net of points and debt, the lots' allocations what was left in each; debt is the
    difference. Lots then mature and expire by the clock as they would when posted.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH line AS (
                SELECT id, points, lifetime_points FROM points_transactions
                WHERE user_id = %(user)s AND effective_at <= %(at)s
            ), lot AS (
                SELECT l.*, l.points - coalesce((
                    SELECT sum(a.points) FROM lot_allocations a
                    WHERE a.lot_id = l.id AND a.effective_at <= %(at)s
                ), 0)::bigint AS left_then
                FROM point_lots l JOIN line ON line.id = l.transaction_id
            )
            SELECT net.points, net.lifetime_points,
                   lot.points, lot.left_then, lot.earned_at, lot.matures_at, lot.expires_at, false, lot.id
            FROM (SELECT coalesce(sum(points), 0)::bigint AS points,
                         coalesce(sum(lifetime_points), 0)::bigint AS lifetime_points FROM line) net
            LEFT JOIN lot ON lot.left_then > 0
            """,
            {"user": user_id, "at": at},
        )
        rows = cursor.fetchall()
    net, lifetime = rows[0][:2]
    lots = [_lot(*row[2:]) for row in rows if row[-1] is not None]
    held = sum(lot.remaining for lot in lots)
    account = Account(user_id, pending=held, lifetime=lifetime, debt=held - net, lots=lots)
    account.settle(at)
    return account


def _summary(account: Account, at: datetime) -> Balance:
    soon = [lot for lot in _dated(account.lots) if lot.expires_at and lot.expires_at < at + EXPIRING_SOON]
    return Balance(
        current_points=account.current,
        pending_points=account.pending,
        lifetime_points=account.lifetime,
        debt_points=account.debt,
        points_expiring_soon=sum(lot.remaining for lot in soon),
        expiry_date=last_day(soon[0]) if soon else None,
    )


def _dated(lots: Iterable[Lot]) -> list[Lot]:
    """Return the lots that hold points and will expire, soonest first."""
    return sorted(
        (lot for lot in lots if lot.remaining and lot.expires_at is not None),
        key=lambda lot: lot.spending_order,
    )


def last_day(lot: Lot) -> date:
    """Return the last local day on which a lot that expires can be spent."""
    assert lot.expires_at is not None
    return timezone.localdate(lot.expires_at - timedelta(microseconds=1))
