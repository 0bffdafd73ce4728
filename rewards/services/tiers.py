"""Moving members to the tiers that their points put them in, one or all of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction

from core.outbox import publish_many
from rewards.contracts import REJUDGE_TIERS
from rewards.models import TierChange, UserPoints
from rewards.rules import Tier
from rewards.selectors.programme import programme_rules
from rewards.selectors.tier_basis import ROLLING_YEAR
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

    The tiers are read after the accounts are locked. A change of the tiers is committed before its chunks
    are judged, so whoever holds an account while it is judged by the old tiers is judged again after.
    """
    members = list(
        UserPoints.objects.filter(user_id__gte=first, user_id__lte=last).values_list("user_id", flat=True)
    )
    if not members:
        return 0
    return lock_accounts(members, at=at).rejudge(reason=reason, quietly=quietly)


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


def preview_tiers(proposed: Sequence[Tier], *, at: datetime, basis: str | None = None) -> list[TierShift]:
    """Return how many members would go where if the tiers were `proposed`, without changing anything.

    `proposed` is in the order of `min_points`; `basis` is the programme's when not given. Members who stay
    are left out.
    """
    programme = programme_rules()
    points, parameters = _basis_sql(basis or programme.tier_basis, at)
    present, present_parameters = _basis_sql(programme.tier_basis, at)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT width_bucket({present}, %s::bigint[]) AS was, width_bucket({points}, %s::bigint[]) AS will,
                   count(*)
            FROM user_points p GROUP BY was, will ORDER BY was, will
            """,  # noqa: S608  the expressions are this module's own
            [
                *present_parameters,
                [tier.min_points for tier in programme.tiers],
                *parameters,
                [tier.min_points for tier in proposed],
            ],
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


def _basis_sql(basis: str, at: datetime) -> tuple[str, list[datetime]]:
    if basis == "lifetime":
        return "p.lifetime_points", []
    if basis == "current":
        return "p.current_points", []
    return (
        """coalesce((SELECT greatest(sum(t.lifetime_points), 0) FROM points_transactions t
                     WHERE t.user_id = p.user_id AND t.effective_at > %s), 0)::bigint""",
        [at - ROLLING_YEAR],
    )


def _reached(tiers: Sequence[Tier], count: int) -> Tier | None:
    """Return the tier that `width_bucket` counted to; 0 is below the lowest."""
    return tiers[count - 1] if count else None
