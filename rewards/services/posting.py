"""Locking accounts and writing what was done to them: the only code that changes the ledger's tables."""

import json
from collections.abc import Collection, Iterable
from datetime import datetime
from functools import cached_property
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, transaction

from rewards.account import Account, Lot
from rewards.models import TierChange
from rewards.selectors.programme import ProgrammeRules, programme_rules
from rewards.services.tier_moves import judge_tiers, record_moves

TIERS_LOCK = 0x7469657273
"""Held in common by whoever judges accounts, and alone by whoever changes what they are judged by."""

LOT_COLUMNS = """
    l.user_id, l.points, l.remaining, l.earned_at, l.matures_at, l.expires_at, l.matured, t.natural_key,
    l.id, l.transaction_id
"""


class Book:
    """Accounts that this transaction has locked and settled up to `at`."""

    def __init__(self, accounts: dict[int, Account], at: datetime) -> None:
        self.accounts = accounts
        self.at = at

    @cached_property
    def programme(self) -> ProgrammeRules:
        """The programme's settings, read after the locks: see `hold_judgements`."""
        return programme_rules()

    def sole(self) -> Account:
        """Return the account of a book that was opened for one member."""
        (account,) = self.accounts.values()
        return account

    @property
    def clock(self) -> datetime:
        """The time of what is done to the one account of this book: see `Account.clock`."""
        return self.sole().clock or self.at

    def load_open_lots(self, user_ids: Iterable[int]) -> None:
        """Bring in every lot that still holds points: needed before a spend or a reversal."""
        self._bring_in("l.user_id = ANY(%s) AND l.remaining > 0", [list(user_ids)])

    def load_lots(self, transaction_ids: Iterable[int]) -> dict[int, Lot]:
        """Bring in the lots that these transactions made, full or empty; returns them by transaction."""
        wanted = list(transaction_ids)
        self._bring_in("l.transaction_id = ANY(%s)", [wanted])
        return self._known("transaction_id", wanted)

    def load_lots_by_id(self, lot_ids: Iterable[int]) -> dict[int, Lot]:
        """Bring in these lots, full or empty; returns them by their id."""
        wanted = list(lot_ids)
        self._bring_in("l.id = ANY(%s)", [wanted])
        return self._known("id", wanted)

    def _known(self, key: str, wanted: Collection[int]) -> dict[int, Lot]:
        chosen = set(wanted)
        lots = (lot for account in self.accounts.values() for lot in account.lots)
        return {getattr(lot, key): lot for lot in lots if getattr(lot, key) in chosen}

    def _bring_in(self, condition: str, parameters: list[Any]) -> None:
        known = {lot.id for account in self.accounts.values() for lot in account.lots}
        with connection.cursor() as cursor:
            cursor.execute(
                f"""
                SELECT {LOT_COLUMNS}
                FROM point_lots l JOIN points_transactions t ON t.id = l.transaction_id
                WHERE {condition}
                """,  # noqa: S608  the conditions are this module's own
                parameters,
            )
            for user_id, *lot in cursor.fetchall():
                if lot[-2] not in known:
                    self.accounts[user_id].lots.append(Lot(*lot))

    def settle(self) -> None:
        """Post in memory what the clock has decided; `post` writes it."""
        for account in self.accounts.values():
            account.settle(account.clock or self.at)

    def post(self) -> dict[tuple[int, str], int]:
        """Write every change in one statement, then the tier moves that follow from it.

        Returns the ids of the new ledger lines by (member, natural key).
        """
        changed = [account for account in self.accounts.values() if account.changed]
        if not changed:
            return {}
        moves = judge_tiers(changed, self.programme, at=self.at, reason=TierChange.Reason.POINTS)
        written = _write(changed)
        record_moves(moves, self.programme)
        return written

    def rejudge(self, *, reason: str, quietly: bool) -> int:
        """Move every account to the tier that it should have now; returns how many moved.

        `quietly` says nobody that they went up.
        """
        moves = judge_tiers(self.accounts.values(), self.programme, at=self.at, reason=reason)
        moved = {move.user_id for move in moves}
        for user_id in moved:
            self.accounts[user_id].changed = True
        _write([account for account in self.accounts.values() if account.changed])
        record_moves(moves, self.programme, quietly=quietly)
        return len(moved)


def lock_accounts(user_ids: Iterable[int], *, at: datetime, open_lots: bool = False) -> Book:
    """Lock the members' accounts, in the order of their ids, and settle them up to `at`.

    A member without an account gets one; who is no user is left out. With `open_lots` all lots that hold
    points are at hand, as spending and reversing need; without, only those that the clock has moved. Must run
    in a transaction; nothing is written before `Book.post`.
    """
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("accounts are locked inside a transaction")
    wanted = sorted(set(user_ids))
    rows = _lock_rows(wanted) if len(wanted) == 1 else []
    if len(rows) < len(wanted):
        _create_missing(wanted)
        rows = _lock_rows(wanted)
    book = Book(
        {
            user_id: Account(user_id, current, pending, lifetime, debt, tier_id, max(at, settled_at or at))
            for user_id, current, pending, lifetime, debt, tier_id, settled_at in rows
        },
        at,
    )
    # A statement of its own: one that also waited for the lock would have read the lots before waiting.
    if open_lots:
        book.load_open_lots(wanted)
    else:
        book._bring_in(
            """l.user_id = ANY(%s) AND l.remaining > 0
               AND (l.expires_at <= %s OR (NOT l.matured AND l.matures_at <= %s))""",
            [wanted, at, at],
        )
    book.settle()
    return book


def _lock_rows(user_ids: list[int]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH turn AS MATERIALIZED (SELECT pg_advisory_xact_lock_shared(%s))
            SELECT user_id, current_points, pending_points, lifetime_points, debt_points, tier_id, settled_at
            FROM turn, user_points WHERE user_id = ANY(%s) ORDER BY user_id FOR UPDATE OF user_points
            """,
            [TIERS_LOCK, user_ids],
        )
        return list(cursor.fetchall())


def _create_missing(user_ids: list[int]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO user_points (user_id, current_points, pending_points, lifetime_points, debt_points,
                                     created_at, updated_at)
            SELECT u.id, 0, 0, 0, 0, now(), now() FROM users u
            WHERE u.id = ANY(%s) AND NOT EXISTS (SELECT FROM user_points p WHERE p.user_id = u.id)
            ORDER BY u.id
            ON CONFLICT (user_id) DO NOTHING
            """,
            [user_ids],
        )


def hold_judgements() -> None:
    """Wait until nobody is judging accounts, and let nobody begin before this transaction ends.

    Taken before a tier or the basis is changed: every account that exists then has been judged and committed
    by the old tiers, so the chunks that are published cover it, and later ones are judged by the new.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [TIERS_LOCK])


def posted_keys(keys: Collection[tuple[int, str]]) -> set[tuple[int, str]]:
    """Return those of the (member, natural key) pairs that the ledger already has."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT t.user_id, t.natural_key
            FROM unnest(%s::bigint[], %s::text[]) k (user_id, natural_key)
            JOIN points_transactions t ON t.user_id = k.user_id AND t.natural_key = k.natural_key
            """,
            [[user_id for user_id, _ in keys], [key for _, key in keys]],
        )
        return set(cursor.fetchall())


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
), balanced AS (
    UPDATE user_points
    SET current_points = b.current_points, pending_points = b.pending_points,
        lifetime_points = b.lifetime_points, debt_points = b.debt_points, tier_id = b.tier_id,
        settled_at = b.settled_at, updated_at = clock_timestamp()
    FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[],
                %s::timestamptz[])
         b (user_id, current_points, pending_points, lifetime_points, debt_points, tier_id, settled_at)
    WHERE user_points.user_id = b.user_id
)
SELECT user_id, natural_key, id FROM entry
"""


def _write(accounts: list[Account]) -> dict[tuple[int, str], int]:
    """Write entries, lots, allocations and balances of `accounts`; return the new lines' ids."""
    if not accounts:
        return {}
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
        written = {(user_id, key): pk for user_id, key, pk in cursor.fetchall()}
    for account in accounts:
        # They have no id here: whoever needs them loads them.
        account.lots = [lot for lot in account.lots if lot.id is not None]
        account.entries, account.new_lots, account.allocations, account.touched_lots = [], [], [], {}
        account.changed = False
    return written


def _columns(rows: list[tuple[Any, ...]], width: int) -> list[list[Any]]:
    """Turn rows into the arrays that `unnest` takes, one a column."""
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(width)]
