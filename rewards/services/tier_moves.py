"""Judging locked accounts by the programme's basis, and writing down who moves."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from core.outbox import publish_many
from rewards.account import Account
from rewards.contracts import TIER_UPGRADED
from rewards.models import TierChange
from rewards.rules import tier_for
from rewards.selectors.programme import ProgrammeRules
from rewards.selectors.tier_basis import basis_points


def judge_tiers(
    accounts: Iterable[Account], programme: ProgrammeRules, *, at: datetime, reason: str
) -> list[TierChange]:
    """Put each account in the tier that it should have; return the moves, to be written by `record_moves`."""
    accounts = list(accounts)
    basis = basis_points(accounts, programme, at=at)
    moves = []
    for account in accounts:
        tier = tier_for(basis[account.user_id], programme.tiers)
        reached = tier.id if tier else None
        if reached != account.tier_id:
            move = TierChange(
                user_id=account.user_id,
                from_tier_id=account.tier_id,
                to_tier_id=reached,
                basis_points=basis[account.user_id],
                reason=reason,
                created_at=at,
            )
            moves.append(move)
            account.tier_id = reached
    return moves


def record_moves(moves: Sequence[TierChange], programme: ProgrammeRules, *, quietly: bool = False) -> None:
    """Write the moves, and publish those that go up unless `quietly`.

    A member's first tier is a move up only when it is above the lowest.
    """
    if not moves:
        return
    TierChange.objects.bulk_create(moves)
    if quietly:
        return
    ranks = {tier.id: rank for rank, tier in enumerate(programme.tiers)}
    publish_many(
        TIER_UPGRADED,
        [
            {"user_id": move.user_id, "tier_change_id": move.pk}
            for move in moves
            if ranks.get(move.to_tier_id or 0, 0) > ranks.get(move.from_tier_id or 0, 0)
        ],
    )
