"""Why a ledger line exists: the rule, the arithmetic, the lot and what became of it, and one sentence."""

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.utils import timezone

from rewards.models import LotAllocation, PointLot, PointsTransaction
from rewards.selectors.balance import settled_account

Type = PointsTransaction.Type


@dataclass(frozen=True, slots=True)
class LotStory:
    """The lot that a line made: where each of its points is now. The parts sum to `points`."""

    points: int
    remaining: int
    pending: bool
    earned_at: datetime
    matures_at: datetime
    expires_at: datetime | None
    spent: int
    expired: int
    reversed: int
    repaid_debt: int


@dataclass(frozen=True, slots=True)
class Source:
    """Points that a line took from a lot, or gave back to it (negative)."""

    transaction_id: int
    description: str
    points: int
    earned_at: datetime
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Explanation:
    """A line explained; what doesn't apply to it is None or empty. Amounts in rand are strings."""

    sentence: str
    rule: dict[str, Any] | None
    basis: str | None
    full_basis: str | None
    arithmetic: str | None
    lot: LotStory | None
    sources: tuple[Source, ...]
    became_debt: int
    related_transaction_id: int | None


def explain(line: PointsTransaction, *, at: datetime) -> Explanation:
    """Explain a line as things stand at `at`; four queries at most."""
    lot = _lot_story(line, at)
    sources = _sources(line)
    debt = max(0, -line.points - sum(source.points for source in sources)) if line.points < 0 else 0
    facts = line.metadata
    return Explanation(
        sentence=" ".join(_sentences(line, lot, sources, debt)),
        rule=facts.get("rule"),
        basis=facts.get("basis"),
        full_basis=facts.get("full_basis"),
        arithmetic=_arithmetic(line),
        lot=lot,
        sources=sources,
        became_debt=debt,
        related_transaction_id=line.related_id,
    )


def _lot_story(line: PointsTransaction, at: datetime) -> LotStory | None:
    lot = PointLot.objects.filter(transaction=line).first()
    if lot is None:
        return None
    gone: Counter[str] = Counter()
    rows = LotAllocation.objects.filter(lot=lot).values_list(
        "transaction__transaction_type", "transaction__points", "points"
    )
    for transaction_type, line_points, points in rows:
        gone[_part(transaction_type, line_points, points)] += points
    remaining = lot.remaining
    # What the clock has decided and no job has posted yet.
    for taking in settled_account(line.user_id, at=at).allocations:
        if taking.lot.id == lot.pk:
            gone["expired" if taking.natural_key.endswith(":expire") else "repaid_debt"] += taking.points
            remaining -= taking.points
    return LotStory(
        points=lot.points,
        remaining=remaining,
        pending=lot.matures_at > at,
        earned_at=lot.earned_at,
        matures_at=lot.matures_at,
        expires_at=lot.expires_at,
        spent=gone["spent"],
        expired=gone["expired"],
        reversed=gone["reversed"],
        repaid_debt=gone["repaid_debt"],
    )


def _part(transaction_type: str, line_points: int, points: int) -> str:
    """Name where points of a lot went: a credit that takes repays debt, one that gives undoes a spend."""
    if transaction_type == Type.EXPIRED:
        return "expired"
    if transaction_type == Type.REVERSED:
        return "reversed"
    return "repaid_debt" if line_points > 0 and points > 0 else "spent"


def _sources(line: PointsTransaction) -> tuple[Source, ...]:
    rows = (
        LotAllocation.objects.filter(transaction=line)
        .exclude(lot__transaction=line)
        .order_by("id")
        .values_list(
            "lot__transaction_id",
            "lot__transaction__description",
            "points",
            "lot__earned_at",
            "lot__expires_at",
        )
    )
    return tuple(Source(*row) for row in rows)


def _arithmetic(line: PointsTransaction) -> str | None:
    facts = line.metadata
    rule = facts.get("rule")
    if rule is None:
        return None
    if "basis" not in facts:
        return f"{rule['points_amount']} points each"
    basis, rate = Decimal(facts["basis"]), Decimal(rule["points_per_rand"])
    product = f"R{basis} × {rate.normalize():f} = {(basis * rate).normalize():f}"
    if line.transaction_type == Type.REVERSED:
        parts = [f"{facts['earned']} earned", f"{facts['entitled']} for what was kept"]
        if facts["reversed_before"]:
            parts.append(f"{facts['reversed_before']} reversed before")
        if facts["expired_before"]:
            parts.append(f"{facts['expired_before']} expired before")
        return f"{product}, rounded down {facts['entitled']}; {' − '.join(parts)} = {-line.points}"
    return f"{product}, rounded down {line.points}"


def _sentences(
    line: PointsTransaction, lot: LotStory | None, sources: tuple[Source, ...], debt: int
) -> list[str]:
    told = [_cause(line)]
    if lot is not None:
        told.append(_fate(lot))
    if line.transaction_type in (Type.REDEEMED, Type.ADJUSTED) and sources:
        told.append("Taken from " + ", ".join(_source(source) for source in sources) + ".")
    if debt and line.transaction_type != Type.OPENING:
        told.append(f"{debt} of them were no longer there and are owed: the next points repay them.")
    return told


def _cause(line: PointsTransaction) -> str:
    facts, points = line.metadata, abs(line.points)
    rule = facts.get("rule") or {}
    match line.transaction_type:
        case Type.EARNED if "basis" in facts:
            return (
                f"{points} points were earned on {_day(line.effective_at)} for order {facts['order']}: "
                f"R{facts['basis']} at {Decimal(rule['points_per_rand']).normalize():f} points per rand "
                f"by the rule {rule['name']} (version {rule['version']}), rounded down."
            )
        case Type.EARNED:
            return (
                f"{points} points were earned on {_day(line.effective_at)}: {line.description}, "
                f"by the rule {rule.get('name')} (version {rule.get('version')})."
            )
        case Type.REVERSED:
            return (
                f"{points} points were taken back on {_day(line.effective_at)} because of a return of order "
                f"{facts['order']}: R{facts['basis']} of R{facts['full_basis']} was kept, which earns "
                f"{facts['entitled']} of the {facts['earned']} points."
            )
        case Type.REDEEMED:
            return f"{points} points were spent on {_day(line.effective_at)}: {line.description}."
        case Type.EXPIRED:
            return f"{points} points expired at the end of {_last_day(line.effective_at)}."
        case Type.RESTORED:
            return f"{points} points were given back on {_day(line.effective_at)}: {line.description}."
        case Type.ADJUSTED:
            verb = "added" if line.points > 0 else "taken"
            return f"{points} points were {verb} on {_day(line.effective_at)}: {facts.get('reason')}."
        case _:
            what = "opening balance" if line.points >= 0 else "opening debt"
            return f"{points} points were the {what} on {_day(line.effective_at)}."


def _fate(lot: LotStory) -> str:
    parts = [
        f"{count} {what}"
        for count, what in (
            (lot.spent, "spent"),
            (lot.reversed, "taken back"),
            (lot.repaid_debt, "repaid a debt"),
            (lot.expired, "expired"),
        )
        if count
    ]
    if lot.remaining and lot.pending:
        parts.append(f"{lot.remaining} held until {_day(lot.matures_at)}")
    elif lot.remaining:
        until = f" until {_last_day(lot.expires_at)}" if lot.expires_at else ""
        parts.append(f"{lot.remaining} left to spend{until}")
    return f"Of them: {', '.join(parts)}."


def _source(source: Source) -> str:
    return f"{source.points} of those earned on {_day(source.earned_at)}"


def _day(moment: datetime) -> str:
    return _written(timezone.localdate(moment))


def _last_day(end: datetime) -> str:
    """Return the day that `end`, a midnight, closes."""
    return _written(timezone.localdate(end - timedelta(microseconds=1)))


def _written(day: date) -> str:
    return f"{day.day} {day:%B %Y}"
