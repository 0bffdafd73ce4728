"""Moving members to the tiers that their points put them in, one or all of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction
from django.db.models import Max, Min

from core.outbox import publish_many
from rewards.contracts import REJUDGE_TIERS
from rewards.models import TierChange, UserPoints
from rewards.rules import Tier
from rewards.selectors.programme import programme_rules
from rewards.selectors.tier_basis import BASIS, NO_POINTS, misplaced_members, rolling_points
from rewards.services.posting import lock_accounts

CHUNK = 1000


@dataclass(frozen=True, slots=True)
class TierShift:
    """How many members would move from one tier to another; None is below the lowest."""

    from_tier: str | None
    to_tier: str | None
    members: int


@transaction.atomic
def update_tier(*, user_id: int, at: datetime) -> None:
    """Move one member to the tier that their points put them in; a move up is published."""
    rejudge_members(first=user_id, last=user_id, reason=TierChange.Reason.POINTS, quietly=False, at=at)


@transaction.atomic
def rejudge_members(*, first: int, last: int, reason: str, quietly: bool, at: datetime) -> int:
    """Move the members whose ids are in first..last (inclusive) to their tiers; returns how many moved.

    Only those are locked who look misplaced. Whoever is in the right tier now is judged when their points
    move, by the tiers as they then are: see `services.posting.hold_judgements`.
    """
    misplaced = misplaced_members(programme_rules(), first=first, last=last, at=at)
    if not misplaced:
        return 0
    return lock_accounts(misplaced, at=at).rejudge(reason=reason, quietly=quietly)


@transaction.atomic
def schedule_rejudging(*, reason: str, quietly: bool) -> int:
    """Publish the recalculation of all members, a message per thousand ids; returns how many messages.

    The outbox works them off one by one, in a transaction each, and shows what is left. The accounts are not
    looked at here: whoever changes a tier holds all postings up meanwhile.
    """
    ends = UserPoints.objects.aggregate(first=Min("user_id"), last=Max("user_id"))
    if ends["first"] is None:
        return 0
    firsts = range(ends["first"], ends["last"] + 1, CHUNK)
    publish_many(
        REJUDGE_TIERS,
        [
            {"first": first, "last": first + CHUNK - 1, "reason": reason, "quietly": quietly}
            for first in firsts
        ],
    )
    return len(firsts)


def preview_tiers(proposed: Sequence[Tier], *, at: datetime, basis: str | None = None) -> list[TierShift]:
    """Return how many members would go where if the tiers were `proposed`, without changing anything.

    `proposed` is in the order of `min_points`; `basis` is the programme's when not given. Members who stay
    are left out.
    """
    programme = programme_rules()
    present, wanted = programme.tier_basis, basis or programme.tier_basis
    rolling, since = rolling_points(at) if "rolling_year" in (present, wanted) else (NO_POINTS, [])
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT width_bucket({BASIS[present]}, %s::bigint[]) AS was,
                   width_bucket({BASIS[wanted]}, %s::bigint[]) AS will, count(*)
            FROM user_points p LEFT JOIN ({rolling}) y ON y.user_id = p.user_id
            GROUP BY was, will ORDER BY was, will
            """,  # noqa: S608  the expressions are our own
            [[tier.min_points for tier in programme.tiers], [tier.min_points for tier in proposed], *since],
        )
        rows = cursor.fetchall()
    moves = [
        (_reached(programme.tiers, was), _reached(proposed, will), members) for was, will, members in rows
    ]
    # By id: a tier that is only called otherwise is the same tier.
    return [
        TierShift(was.name if was else None, will.name if will else None, members)
        for was, will, members in moves
        if (was and was.id) != (will and will.id)
    ]


def _reached(tiers: Sequence[Tier], count: int) -> Tier | None:
    """Return the tier that `width_bucket` counted to; 0 is below the lowest."""
    return tiers[count - 1] if count else None
