"""Locking accounts with their lots, and posting what was done to them (`services.writing`)."""

import json
from collections.abc import Collection, Iterable
from datetime import datetime
from functools import cached_property
from typing import Any

from django.db import connection, transaction

from core.arrays import bigints
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
        """Bring in every lot that still holds points: needed before a spend or a reversal."""
        self._bring_in("l.user_id = ANY(%s::bigint[]) AND l.remaining > 0", [bigints(user_ids)])

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
        book.load_due_lots(wanted)
    book.settle()
    return book


def _lock_rows(user_ids: list[int]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
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
