"""Locking accounts with their lots, and posting what was done to them (`services.writing`)."""

import json
from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from functools import cached_property
from typing import Any

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from core.arrays import bigints
from core.database.prepared import Prepared
from rewards.account import Account, Lot
from rewards.models import TierChange
from rewards.selectors.programme import ProgrammeRules, programme_rules
from rewards.services.tier_moves import judge_tiers, record_moves
from rewards.services.writing import write

TIERS_LOCK = 0x7469657273
"""Held in common by whoever judges accounts, and alone by whoever changes what they are judged by."""

LOT_COLUMNS = """
    l.user_id, l.points, l.remaining, l.earned_at, l.matures_at, l.expires_at, l.matured, t.natural_key,
    l.id, l.transaction_id
"""

_LOCK_ONE = Prepared(
    "lock_account",
    """
    WITH turn AS MATERIALIZED (SELECT pg_advisory_xact_lock_shared(%s))
    SELECT user_id, current_points, pending_points, lifetime_points, debt_points, tier_id, settled_at
    FROM turn, user_points WHERE user_id = %s FOR UPDATE OF user_points
    """,
)

_FIRST_LOTS = 8
"""So many are looked at before all are: most spends need fewer, and some members have hundreds."""

# Every lot costs a block of the disk where there are many members, and its line four more.
_LOTS_TO_SPEND = Prepared(
    "lots_to_spend",
    f"""
    SELECT {LOT_COLUMNS}
    FROM (
        SELECT id
        FROM (
            SELECT id, sum(remaining) OVER (ORDER BY expires_at, earned_at, id) - remaining AS before
            FROM (
                SELECT id, remaining, expires_at, earned_at FROM point_lots
                WHERE user_id = %s AND remaining > 0 AND matured AND (expires_at IS NULL OR expires_at > %s)
                ORDER BY expires_at, earned_at, id LIMIT {_FIRST_LOTS}
            ) first
        ) spent
        WHERE before < %s
        UNION ALL
        SELECT id FROM point_lots
        WHERE user_id = %s AND remaining > 0 AND (expires_at <= %s OR (NOT matured AND matures_at <= %s))
    ) wanted
    JOIN point_lots l ON l.id = wanted.id JOIN points_transactions t ON t.id = l.transaction_id
    """,  # noqa: S608  no value is in it
)


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
        return self.sole().clock

    def load_due_lots(self, user_ids: Iterable[int]) -> None:
        """Bring in the lots that the clock has moved: what settling needs."""
        self._bring_in(
            """l.user_id = ANY(%s::bigint[]) AND l.remaining > 0
               AND (l.expires_at <= %s OR (NOT l.matured AND l.matures_at <= %s))""",
            [bigints(user_ids), self.at, self.at],
        )

    def load_open_lots(self, user_ids: Iterable[int]) -> None:
        """Bring in every lot that still holds points: needed before a reversal."""
        self._bring_in("l.user_id = ANY(%s::bigint[]) AND l.remaining > 0", [bigints(user_ids)])

    def load_lots_to_spend(self, points: int) -> None:
        """Bring in the lots that the clock has moved and, in their order, as many as hold `points`: what
        settling the one account of this book and spending up to `points` need."""
        user_id = self.sole().user_id
        with connection.cursor() as cursor:
            _LOTS_TO_SPEND.execute(cursor, [user_id, self.at, points, user_id, self.at, self.at])
            self._take_in(cursor)
        # Those that mature now don't count: some of those that were not looked at may come before them.
        lots = [lot for lot in self.sole().lots if lot.matured and not lot.has_expired(self.at)]
        if sum(lot.remaining for lot in lots) < points:
            self.load_open_lots([user_id])

    def load_lots(self, transaction_ids: Iterable[int]) -> dict[int, Lot]:
        """Bring in the lots that these transactions made, full or empty; returns them by transaction."""
        wanted = list(transaction_ids)
        self._bring_in("l.transaction_id = ANY(%s::bigint[])", [bigints(wanted)])
        return self._known("transaction_id", wanted)

    def load_lots_by_id(self, lot_ids: Iterable[int]) -> dict[int, Lot]:
        """Bring in these lots, full or empty; returns them by their id."""
        wanted = list(lot_ids)
        self._bring_in("l.id = ANY(%s::bigint[])", [bigints(wanted)])
        return self._known("id", wanted)

    def _known(self, key: str, wanted: Collection[int]) -> dict[int, Lot]:
        chosen = set(wanted)
        lots = (lot for account in self.accounts.values() for lot in account.lots)
        return {getattr(lot, key): lot for lot in lots if getattr(lot, key) in chosen}

    def _bring_in(self, condition: str, parameters: list[Any]) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                f"""
                SELECT {LOT_COLUMNS}
                FROM point_lots l JOIN points_transactions t ON t.id = l.transaction_id
                WHERE {condition}
                """,  # noqa: S608  the conditions are this module's own
                parameters,
            )
            self._take_in(cursor)

    def _take_in(self, cursor: CursorWrapper) -> None:
        known = {lot.id for account in self.accounts.values() for lot in account.lots}
        for user_id, *lot in cursor.fetchall():
            if lot[-2] not in known:
                self.accounts[user_id].lots.append(Lot(*lot))

    def settle(self) -> None:
        """Post in memory what the clock has decided; `post` writes it."""
        for account in self.accounts.values():
            account.settle(account.clock)

    def post(self) -> None:
        """Write every change in one statement, then the tier moves that follow from it."""
        changed = [account for account in self.accounts.values() if account.changed]
        if not changed:
            return
        moves = judge_tiers(changed, self.programme, at=self.at, reason=TierChange.Reason.POINTS)
        write(changed)
        record_moves(moves, self.programme)

    def rejudge(self, *, reason: str, quietly: bool) -> int:
        """Move every account to the tier that it should have now; returns how many moved.

        `quietly` says nobody that they went up.
        """
        moves = judge_tiers(self.accounts.values(), self.programme, at=self.at, reason=reason)
        moved = {move.user_id for move in moves}
        for user_id in moved:
            self.accounts[user_id].changed = True
        write([account for account in self.accounts.values() if account.changed])
        record_moves(moves, self.programme, quietly=quietly)
        return len(moved)


def lock_account(user_id: int, *, at: datetime, to_spend: int) -> Book:
    """Lock one member's account and settle it up to `at`, with the lots at hand that a spend of up to
    `to_spend` points takes from; otherwise as `lock_accounts`."""
    return _lock([user_id], at, lambda book: book.load_lots_to_spend(to_spend))


def lock_accounts(user_ids: Iterable[int], *, at: datetime, open_lots: bool = False) -> Book:
    """Lock the members' accounts, in the order of their ids, and settle them up to `at`.

    A member without an account gets one; who is no user is left out. With `open_lots` all lots that hold
    points are at hand, as reversing and restoring need; without, only those that the clock has moved. Must
    run in a transaction; nothing is written before `Book.post`.
    """
    wanted = sorted(set(user_ids))
    return _lock(
        wanted, at, lambda book: book.load_open_lots(wanted) if open_lots else book.load_due_lots(wanted)
    )


def _lock(wanted: list[int], at: datetime, load: Callable[[Book], None]) -> Book:
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("accounts are locked inside a transaction")
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
    load(book)
    book.settle()
    return book


def _lock_rows(user_ids: list[int]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        if len(user_ids) == 1:
            _LOCK_ONE.execute(cursor, [TIERS_LOCK, *user_ids])
            return list(cursor.fetchall())
        cursor.execute(
            """
            WITH turn AS MATERIALIZED (SELECT pg_advisory_xact_lock_shared(%s))
            SELECT user_id, current_points, pending_points, lifetime_points, debt_points, tier_id, settled_at
            FROM turn, user_points WHERE user_id = ANY(%s::bigint[])
            ORDER BY user_id FOR UPDATE OF user_points
            """,
            [TIERS_LOCK, bigints(user_ids)],
        )
        return list(cursor.fetchall())


def _create_missing(user_ids: list[int]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO user_points (user_id, current_points, pending_points, lifetime_points, debt_points,
                                     created_at, updated_at)
            SELECT u.id, 0, 0, 0, 0, now(), now() FROM users u
            WHERE u.id = ANY(%s::bigint[]) AND NOT EXISTS (SELECT FROM user_points p WHERE p.user_id = u.id)
            ORDER BY u.id
            ON CONFLICT (user_id) DO NOTHING
            """,
            [bigints(user_ids)],
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
            FROM jsonb_to_recordset(%s) k (user_id bigint, natural_key text)
            JOIN points_transactions t ON t.user_id = k.user_id AND t.natural_key = k.natural_key
            """,
            [json.dumps([{"user_id": user_id, "natural_key": key} for user_id, key in keys])],
        )
        return set(cursor.fetchall())
