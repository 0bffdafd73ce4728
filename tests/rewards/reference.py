"""The ledger's rules once more, as plainly as they can be said: what the real ledger is checked against.

It knows nothing of the code in `rewards`. What can be recounted is not kept: a member has lines, lots and
takings from lots, each with the time from which it counts, and every balance is counted from them anew. Money
is in cents, the earning rate in hundredths of a point for a rand.
"""

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Africa/Johannesburg")
LONG_AGO, NEVER = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


def end_of(day: date) -> datetime:
    return datetime.combine(day + timedelta(days=1), time.min, tzinfo=ZONE)


def local_day(at: datetime) -> date:
    return at.astimezone(ZONE).date()


def months_later(day: date, months: int) -> date:
    """Go on month by month; a day that the last month lacks becomes its last."""
    first = day.replace(day=1)
    for _ in range(months):
        first = (first + timedelta(days=31)).replace(day=1)
    last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    return min(last, first + timedelta(days=day.day - 1))


@dataclass
class Line:
    at: datetime
    points: int
    lifetime: int
    judged: datetime  # when it counts for a rolling year


@dataclass(eq=False)
class Lot:
    points: int
    earned: datetime
    matures: datetime
    expires: datetime
    takings: list[tuple[datetime, int]] = field(default_factory=list)
    lost: int = 0

    @property
    def left(self) -> int:
        return self.points - sum(points for _, points in self.takings)


@dataclass
class Member:
    lines: list[Line] = field(default_factory=list)
    lots: list[Lot] = field(default_factory=list)
    spends: dict[str, list[Lot]] = field(default_factory=dict)  # a lot for each point, as it was taken
    clock: datetime = LONG_AGO

    def note(self, at: datetime, points: int, lifetime: int = 0, judged: datetime | None = None) -> None:
        self.lines.append(Line(at, points, lifetime, judged or at))

    @property
    def debt(self) -> int:
        return sum(lot.left for lot in self.lots) - sum(line.points for line in self.lines)

    @property
    def lifetime(self) -> int:
        return sum(line.lifetime for line in self.lines)

    def current(self, at: datetime) -> int:
        return sum(lot.left for lot in self.lots if lot.matures <= at)

    def pending(self, at: datetime) -> int:
        return sum(lot.left for lot in self.lots if lot.matures > at)

    def lifetime_since(self, since: datetime) -> int:
        return max(0, sum(line.lifetime for line in self.lines if line.at > since and line.judged > since))

    def as_of(self, at: datetime) -> "Member":
        """What was so at a time, as it is known now."""
        lots = [
            replace(lot, takings=[one for one in lot.takings if one[0] <= at])
            for lot in self.lots
            if lot.earned <= at
        ]
        then = Member([line for line in self.lines if line.at <= at], lots)
        then.settle(at)
        return then

    def settle(self, at: datetime) -> None:
        """In the order of time: what matures repays debt, what expires is gone."""
        matured = [(lot.matures, 0, lot.expires, lot.earned, lot) for lot in self.lots]
        expired = [(lot.expires, 1, lot.expires, lot.earned, lot) for lot in self.lots]
        for moment, expires, *_, lot in sorted(matured + expired, key=lambda event: event[:4]):
            if moment > at:
                return
            if not expires:
                self.repay(lot, moment)
            elif lot.left:
                lot.lost = lot.left
                self.note(moment, -lot.left)
                lot.takings.append((moment, lot.left))

    def repay(self, lot: Lot, at: datetime) -> None:
        if points := min(self.debt, lot.left):
            lot.takings.append((at, points))

    def earn(
        self, points: int, when: datetime, matures: datetime, expires: datetime, at: datetime, lifetime=True
    ) -> Lot:
        """Points that count from `when`; what they repay though they come late is repaid at `at`."""
        lot = Lot(points, when, matures, expires)
        self.note(when, points, points if lifetime else 0)
        self.lots.append(lot)
        if matures <= at:
            self.repay(lot, at)
            self.settle(at)
        return lot

    def take(self, points: int, at: datetime, first: Lot | None = None) -> list[Lot]:
        """Take from one lot first, then from what expires first; what is not there has become debt."""
        taken: list[Lot] = []
        matured = [lot for lot in self.lots if lot.matures <= at]
        for lot in ([first] if first else []) + sorted(matured, key=lambda lot: (lot.expires, lot.earned)):
            if part := min(points - len(taken), lot.left):
                lot.takings.append((at, part))
                taken += [lot] * part
        return taken

    def spend(self, cause: str, points: int, at: datetime) -> None:
        self.note(at, -points)
        self.spends[cause] = self.take(points, at)

    def restore(self, cause: str, points: int, at: datetime, until: datetime) -> None:
        """Give back the last taken first; what came from expired lots makes a new one."""
        spent = self.spends[cause]
        back = [spent.pop() for _ in range(min(points, len(spent)))]
        if not back:
            return
        self.note(at, len(back))
        good = Counter(lot for lot in back if lot.expires > at)
        for lot, part in good.items():
            lot.takings.append((at, -part))
        lots = [*good]
        if late := len(back) - good.total():
            lots.append(Lot(late, at, at, until))
            self.lots.append(lots[-1])
        for lot in lots:
            self.repay(lot, at)

    def at(self, at: datetime) -> datetime:
        """The time of what somebody does who read the clock at `at`: it never runs backwards."""
        at = max(at, self.clock)
        self.settle(at)
        return at


@dataclass
class OrderLine:
    net: int
    points_value: int
    qty: int
    back: int = 0

    def part(self, amount: int) -> Fraction:
        """What of an amount belongs to the pieces that were kept."""
        return Fraction(amount * (self.qty - self.back), self.qty)


def half_up(amount: Fraction) -> int:
    return int(amount + Fraction(1, 2))


@dataclass(eq=False)
class Order:
    owner: Member
    lines: list[OrderLine]
    points_used: int = 0
    delivered: datetime | None = None
    changed: datetime | None = None
    lot: Lot | None = None  # what it earned
    rate: int = 0
    reversed: int = 0

    def entitles_to(self, rate: int) -> int:
        return sum(half_up(line.part(line.net)) for line in self.lines) * rate // 10_000

    @property
    def points_kept(self) -> int:
        """How many of the points that paid for it stay spent."""
        whole = sum(line.points_value for line in self.lines)
        kept = sum(line.part(line.points_value) for line in self.lines)
        return half_up(self.points_used * kept / whole) if whole else self.points_used


@dataclass
class Programme:
    hold_days: int = 0
    valid_months: int | None = 24
    restored_days: int = 30
    voucher_days: int = 30
    rate: int = 100

    def expiry(self, earned: datetime) -> datetime:
        if self.valid_months is None:
            return NEVER
        return end_of(months_later(local_day(earned), self.valid_months))

    def days_after(self, at: datetime, days: int) -> datetime:
        return end_of(local_day(at) + timedelta(days=days))

    def award(self, member: Member, points: int, at: datetime) -> None:
        at = member.at(at)
        member.earn(points, at, at, self.expiry(at), at)

    def adjust(self, member: Member, points: int, at: datetime) -> None:
        if points > 0:
            self.award(member, points, at)
        else:
            member.spend("adjusted", -points, member.at(at))

    def restore(self, member: Member, cause: str, points: int, at: datetime) -> None:
        at = member.at(at)
        member.restore(cause, points, at, self.days_after(at, self.restored_days))

    def accrue(self, orders: list[Order], at: datetime) -> None:
        """Post the difference between what delivered orders entitle to now and what is posted."""
        for member in {id(order.owner): order.owner for order in orders}.values():
            member.at(at)
        for order in sorted(orders, key=lambda order: order.delivered):
            now = max(at, order.owner.clock)
            if order.lot is None:
                if points := order.entitles_to(self.rate):
                    order.rate = self.rate
                    matures = order.delivered + timedelta(days=self.hold_days)
                    expires = self.expiry(order.delivered)
                    order.lot = order.owner.earn(points, order.delivered, matures, expires, now)
                continue
            lot = order.lot
            gone = lot.points - order.entitles_to(order.rate) - lot.lost - order.reversed
            if gone > 0:
                when = max(order.changed, order.delivered)
                order.reversed += gone
                order.owner.note(when, -gone, -gone, judged=order.delivered)
                order.owner.take(gone, when, first=lot)
