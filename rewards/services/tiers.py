"""Moving members to the tiers that their points put them in, one or all of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction
from django.utils import timezone

from core.outbox import publish_many
from rewards.contracts import REJUDGE_TIERS
from rewards.models import TierChange, UserPoints
from rewards.rules import Tier, year_before
from rewards.selectors.programme import programme_rules
from rewards.selectors.tier_basis import ROLLING_POINTS
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
    """Move the members whose ids are in first..last (inclusive) that have an account; returns how many moved.

    The tiers are read after the accounts are locked: see `services.posting.hold_judgements`.
    """
    members = list(
        UserPoints.objects.filter(user_id__gte=first, user_id__lte=last).values_list("user_id", flat=True)
    )
    if not members:
        return 0
    return lock_accounts(members, at=at).rejudge(reason=reason, quietly=quietly)


@transaction.atomic
def schedule_rejudging(*, reason: str, quietly: bool) -> int:
    """Publish the recalculation of all members, a message per chunk; returns how many chunks.

    The outbox works the chunks off one by one, in a transaction each, and shows what is left.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT min(user_id), max(user_id)
            FROM (SELECT user_id, (row_number() OVER (ORDER BY user_id) - 1) / %s AS chunk FROM user_points) p
            GROUP BY chunk ORDER BY chunk
            """,
            [CHUNK],
        )
        chunks = cursor.fetchall()
    publish_many(
        REJUDGE_TIERS,
        [{"first": first, "last": last, "reason": reason, "quietly": quietly} for first, last in chunks],
    )
    return len(chunks)


_BASIS = {
    "lifetime": "p.lifetime_points",
    "current": "p.current_points",
    "rolling_year": "greatest(coalesce(y.points, 0), 0)",
}


def preview_tiers(proposed: Sequence[Tier], *, at: datetime, basis: str | None = None) -> list[TierShift]:
    """Return how many members would go where if the tiers were `proposed`, without changing anything.

    `proposed` is in the order of `min_points`; `basis` is the programme's when not given. Members who stay
    are left out.
    """
    programme = programme_rules()
    present, wanted = programme.tier_basis, basis or programme.tier_basis
    rolling, since = "(SELECT 0 AS user_id, 0 AS points WHERE false)", []
    if "rolling_year" in (present, wanted):
        start = year_before(at, timezone.get_default_timezone())
        rolling, since = f"({ROLLING_POINTS})", [start, start]
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT width_bucket({_BASIS[present]}, %s::bigint[]) AS was,
                   width_bucket({_BASIS[wanted]}, %s::bigint[]) AS will, count(*)
            FROM user_points p LEFT JOIN {rolling} y ON y.user_id = p.user_id
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
