"""Adjusting a member's points by hand: always with a reason, always in the audit trail."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from core.audit import record
from core.contracts import Actor
from core.errors import DomainError, NotFound
from rewards.account import Account, Cause
from rewards.models import PointsTransaction
from rewards.rules import tier_for
from rewards.selectors.balance import basis_points_of, settled_account
from rewards.selectors.programme import ProgrammeRules, programme_rules
from rewards.services.earning import points_expiry
from rewards.services.posting import lock_accounts

MOST_POINTS = 1_000_000_000


class AdjustmentOutOfRange(DomainError):
    code, status, title = "adjustment_out_of_range", 400, "Points amount out of range"


class ReasonMissing(DomainError):
    code, status, title = "reason_missing", 400, "A reason is needed"


class AdjustmentKeyReused(DomainError):
    code, status, title = "adjustment_key_reused", 409, "The key belongs to another adjustment"


@dataclass(frozen=True, slots=True)
class Adjusted:
    """Balances around an adjustment: spendable points, debt and lifetime points, before and after."""

    before: dict[str, int]
    after: dict[str, int]


@dataclass(frozen=True, slots=True)
class AdjustmentPreview(Adjusted):
    """What an adjustment would do, the tiers by name: None is below the lowest."""

    tier_before: str | None
    tier_after: str | None


@transaction.atomic
def adjust_points(
    *, user_id: int, points: int, reason: str, key: str, actor: Actor, at: datetime
) -> Adjusted:
    """Add (`points` > 0) or take (< 0) points; what a taking finds no points for becomes debt.

    Added points count as earned now: they raise lifetime points and expire by the programme. `key` names
    the adjustment for ever: the same one again changes nothing.

    Raises:
        NotFound: there is no such member.
        AdjustmentOutOfRange: `points` is zero or beyond a thousand million.
        ReasonMissing: `reason` is blank.
        AdjustmentKeyReused: the key was used for another amount.
    """
    _check(points, reason)
    book = lock_accounts([user_id], at=at, open_lots=True)
    if not book.accounts:
        raise NotFound("There is no such member.")
    account, at = book.sole(), book.clock
    natural_key = f"adjust:{key}"
    before = _facts(account)
    done = PointsTransaction.objects.filter(user_id=user_id, natural_key=natural_key).first()
    if done is not None:
        if done.points != points:
            raise AdjustmentKeyReused(f"It adjusted {done.points} points.")
        return Adjusted(before, before)
    cause = Cause(
        natural_key=natural_key,
        description=f"Adjustment: {reason}"[:255],
        effective_at=at,
        metadata={"reason": reason, "actor": actor.label},
    )
    if points > 0:
        _add(account, cause, points, book.programme, at=at)
    else:
        account.spend(cause, -points, transaction_type="adjusted")
    book.post()
    after = _facts(account)
    record(
        actor=actor,
        action="points.adjust",
        target=f"rewards.userpoints:{user_id}",
        before=before,
        after={**after, "points": points},
        reason=reason,
    )
    return Adjusted(before, after)


def preview_adjustment(*, user_id: int, points: int, at: datetime) -> AdjustmentPreview:
    """Return what `adjust_points` would do now, changing nothing."""
    account, programme = settled_account(user_id, at=at), programme_rules()
    before = _facts(account)
    tier_before = _tier_name(account, programme, at)
    if points > 0:
        _add(account, Cause(natural_key="", description="", effective_at=at), points, programme, at=at)
    else:
        # Which lots it takes from makes no difference to the balance, and not all of them are at hand.
        account.debt += max(0, -points - account.current)
        account.current = max(0, account.current + points)
    return AdjustmentPreview(before, _facts(account), tier_before, _tier_name(account, programme, at))


def _add(account: Account, cause: Cause, points: int, programme: ProgrammeRules, *, at: datetime) -> None:
    expires_at = points_expiry(programme, at)
    account.earn(cause, points, matures_at=at, expires_at=expires_at, at=at, transaction_type="adjusted")


def _tier_name(account: Account, programme: ProgrammeRules, at: datetime) -> str | None:
    tier = tier_for(basis_points_of(account, programme, at=at), programme.tiers)
    return tier.name if tier else None


def _check(points: int, reason: str) -> None:
    if not points or abs(points) > MOST_POINTS:
        raise AdjustmentOutOfRange(f"Between 1 and {MOST_POINTS}, up or down.")
    if not reason.strip():
        raise ReasonMissing


def _facts(account: Account) -> dict[str, int]:
    return {
        "current_points": account.current,
        "debt_points": account.debt,
        "lifetime_points": account.lifetime,
    }
