"""One member's account in memory: how points come, go, mature, expire and come back. Pure.

`services.posting` loads accounts under their locks, lets the functions here change them, and writes what
changed. Reads use the same `settle`, so a balance that is shown and one that is posted can't differ.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

_BEGINNING = datetime.min.replace(tzinfo=UTC)


@dataclass(slots=True, eq=False)
class Lot:
    """Points that expire together; `id` and `transaction_id` are None until the lot is written."""

    points: int
    remaining: int
    earned_at: datetime
    matures_at: datetime
    expires_at: datetime | None
    matured: bool
    natural_key: str
    id: int | None = None
    transaction_id: int | None = None

    def has_expired(self, at: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= at

    @property
    def spending_order(self) -> tuple[bool, float, float, int, str]:
        """Soonest expiry first (never last), then oldest, then first written."""
        expiry = self.expires_at.timestamp() if self.expires_at else 0.0
        return (
            self.expires_at is None,
            expiry,
            self.earned_at.timestamp(),
            self.id or 2**63,
            self.natural_key,
        )


@dataclass(slots=True, frozen=True)
class Allocation:
    """Points taken from a lot (positive) or given back (negative) on behalf of the line `natural_key`."""

    lot: Lot
    points: int
    natural_key: str
    transaction_id: int | None
    effective_at: datetime


@dataclass(slots=True, frozen=True, kw_only=True)
class Cause:
    """Why a ledger line is written: what it stores beside its points."""

    natural_key: str
    description: str
    effective_at: datetime
    order_id: int | None = None
    voucher_id: str | None = None
    related_id: int | None = None
    judged_at: datetime | None = None  # when it counts for a rolling year, if not when it is effective
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True, frozen=True)
class Entry:
    """A ledger line to be written."""

    cause: Cause
    transaction_type: str
    points: int
    lifetime_points: int


@dataclass(slots=True, eq=False)
class Account:
    """A balance, those of its lots that matter to what is being done, and the changes made to them.

    Debt and a positive balance never stand together: every credit repays debt first.

    `clock` is the time of what is being done. It never runs backwards: a caller that read the clock and then
    waited for the lock acts at the time of whoever held it.
    """

    user_id: int
    current: int = 0
    pending: int = 0
    lifetime: int = 0
    debt: int = 0
    tier_id: int | None = None
    clock: datetime = _BEGINNING
    lots: list[Lot] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    allocations: list[Allocation] = field(default_factory=list)
    new_lots: list[Lot] = field(default_factory=list)
    touched_lots: dict[int, Lot] = field(default_factory=dict)
    changed: bool = False

    def settle(self, at: datetime) -> None:
        """Post what the clock has decided by `at`: held points mature, lots past their date expire.

        In the order of time, so that a lot that matured before it expired repaid debt in between.
        """
        due: list[tuple[datetime, int, Lot]] = []
        for lot in self.lots:
            if not lot.matured and lot.matures_at <= at:
                due.append((lot.matures_at, 0, lot))
            if lot.remaining and lot.expires_at is not None and lot.expires_at <= at:
                due.append((lot.expires_at, 1, lot))
        if not due:
            return
        for moment, step, lot in sorted(due, key=lambda event: (event[0], event[1], event[2].spending_order)):
            if step == 0:
                # A lot posted late repays debt when it is posted: the debt may be younger than the lot.
                self._mature(lot, moment if lot.id is not None else at)
            elif lot.remaining:
                cause = Cause(
                    natural_key=f"{lot.natural_key}:expire",
                    description="Points expired",
                    effective_at=moment,
                    metadata={"earned_at": lot.earned_at.isoformat(), "lot_points": lot.points},
                )
                taken = lot.remaining
                self._enter(cause, "expired", -taken)
                self._take(lot, taken, cause.natural_key, None, moment)

    def earn(
        self,
        cause: Cause,
        points: int,
        *,
        matures_at: datetime,
        expires_at: datetime | None,
        at: datetime,
        transaction_type: str = "earned",
    ) -> None:
        """Credit `points` (> 0) as a new lot; what has matured or expired by `at` is posted at once."""
        self._enter(cause, transaction_type, points, lifetime=points)
        lot = self._open_lot(cause, points, matures_at, expires_at, matured=False)
        self.pending += points
        if lot.matures_at <= at:
            self.settle(at)

    def spend(self, cause: Cause, points: int, *, transaction_type: str = "redeemed") -> None:
        """Debit `points` (> 0), soonest expiry first; what the balance lacks becomes debt.

        Who may not go into debt asks `current` first. Needs the lots that are spent first, up to `points`;
        where they are not all, `current` must hold `points`.
        """
        self._enter(cause, transaction_type, -points)
        self._take_anywhere(points, cause)

    def reverse(self, cause: Cause, points: int, lot: Lot) -> None:
        """Take back `points` (> 0) of an earn: from its own lot, then from others, then as debt.

        Needs all open lots; `lot` is the one that the earn made, open or not.
        """
        self._enter(cause, "reversed", -points, lifetime=-points)
        own = min(points, lot.remaining)
        if own:
            self._take(lot, own, cause.natural_key, None, cause.effective_at)
        self._take_anywhere(points - own, cause)

    def restore(
        self, cause: Cause, takings: Iterable[tuple[Lot, int]], *, restored_until: datetime, at: datetime
    ) -> None:
        """Give back a spend, lot by lot as `takings` says; what came from expired lots gets a new one.

        The new lot is good until `restored_until`. Debt is repaid from what comes back.
        """
        takings = list(takings)
        late = sum(points for lot, points in takings if lot.has_expired(at))
        self._enter(cause, "restored", sum(points for _, points in takings))
        back: list[Lot] = []
        for lot, points in takings:
            if not lot.has_expired(at):
                self._give_back(lot, points, cause)
                back.append(lot)
        if late:
            lot = self._open_lot(cause, late, cause.effective_at, restored_until, matured=True)
            self.current += late
            back.append(lot)
        for lot in back:
            self._repay(lot, cause.natural_key, None, cause.effective_at)

    def _enter(self, cause: Cause, transaction_type: str, points: int, *, lifetime: int = 0) -> None:
        self.entries.append(Entry(cause, transaction_type, points, lifetime))
        self.lifetime += lifetime
        self.changed = True

    def _open_lot(
        self, cause: Cause, points: int, matures_at: datetime, expires_at: datetime | None, *, matured: bool
    ) -> Lot:
        lot = Lot(points, points, cause.effective_at, matures_at, expires_at, matured, cause.natural_key)
        self.lots.append(lot)
        self.new_lots.append(lot)
        return lot

    def _mature(self, lot: Lot, at: datetime) -> None:
        lot.matured = True
        self.pending -= lot.remaining
        self.current += lot.remaining
        self._touch(lot)
        self._repay(lot, lot.natural_key, lot.transaction_id, at)

    def _repay(self, lot: Lot, natural_key: str, transaction_id: int | None, at: datetime) -> None:
        points = min(self.debt, lot.remaining)
        if points:
            self.debt -= points
            self._take(lot, points, natural_key, transaction_id, at)

    def _take_anywhere(self, points: int, cause: Cause) -> None:
        for lot in spendable(self.lots):
            if not points:
                return
            taken = min(points, lot.remaining)
            self._take(lot, taken, cause.natural_key, None, cause.effective_at)
            points -= taken
        self.debt += points

    def _take(
        self, lot: Lot, points: int, natural_key: str, transaction_id: int | None, at: datetime
    ) -> None:
        lot.remaining -= points
        if lot.matured:
            self.current -= points
        else:
            self.pending -= points
            lot.matured = not lot.remaining  # nothing is left to wait for
        self.allocations.append(Allocation(lot, points, natural_key, transaction_id, at))
        self._touch(lot)

    def _give_back(self, lot: Lot, points: int, cause: Cause) -> None:
        lot.remaining += points
        self.current += points
        self.allocations.append(Allocation(lot, -points, cause.natural_key, None, cause.effective_at))
        self._touch(lot)

    def _touch(self, lot: Lot) -> None:
        self.changed = True
        if lot.id is not None:
            self.touched_lots[lot.id] = lot


def spendable(lots: Sequence[Lot]) -> list[Lot]:
    """Return the matured lots that still hold points, in the order in which they are spent."""
    return sorted((lot for lot in lots if lot.matured and lot.remaining), key=lambda lot: lot.spending_order)


def covering(takings: Sequence[tuple[Lot, int]], already: int, points: int) -> list[tuple[Lot, int]]:
    """Return the part of a spend's `takings` that a restoration of `points` gives back.

    The last taken comes back first; `already` points were given back before and are passed over, so that
    partial restorations of one spend never give a lot more than was taken from it.
    """
    part: list[tuple[Lot, int]] = []
    for lot, taken in reversed(takings):
        skipped = min(already, taken)
        already -= skipped
        given = min(points, taken - skipped)
        if given:
            part.append((lot, given))
            points -= given
    return part
