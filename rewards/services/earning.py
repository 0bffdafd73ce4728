"""Earning: purchases as their orders now stand, and sign-ups, reviews and referrals once each."""

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from orders.contracts import EarningBasis
from orders.facade import earning_bases, order_members
from rewards import rules
from rewards.account import Account, Cause, Lot
from rewards.models import EarningRule
from rewards.selectors.programme import ActiveRule, ProgrammeRules, active_rules
from rewards.services.posting import lock_accounts, posted_keys


@dataclass(frozen=True, slots=True)
class PostedPurchase:
    """What the ledger has for an order: its earn, what was reversed of it, what its lot lost to expiry."""

    transaction_id: int
    points: int
    effective_at: datetime
    rule: dict[str, Any]
    reversed: int
    expired: int


@transaction.atomic
def accrue_orders(order_ids: Collection[int], *, at: datetime) -> None:
    """Post the difference between what the orders entitle to as they stand now and what is posted.

    Safe to repeat and in any order of events: an order that was returned in part before it was accrued earns
    for what was kept, once. Orders that were never delivered, or don't exist, earn nothing.
    """
    members = order_members(order_ids)
    if not members:
        return
    book = lock_accounts(members.values(), at=at)
    book.post()  # so that what expired until now is in the ledger before a reversal asks for it
    # Read under the locks: an older reading could earn what was returned meanwhile.
    bases = earning_bases(list(members))
    posted = _posted_purchases(bases)
    rule = active_rules([EarningRule.RuleType.PURCHASE]).get(EarningRule.RuleType.PURCHASE)
    reversals = {
        basis.order_id: points
        for basis in bases
        if basis.order_id in posted and (points := _to_reverse(basis, posted[basis.order_id])) > 0
    }
    lots: dict[int, Lot] = {}
    if reversals:
        book.load_open_lots({members[order_id] for order_id in reversals})
        lots = book.load_lots(posted[order_id].transaction_id for order_id in reversals)
    for basis in sorted(bases, key=lambda basis: (basis.delivered_at, basis.order_id)):
        account = book.accounts[basis.user_id]
        if basis.order_id in reversals:
            earn = posted[basis.order_id]
            _reverse(account, basis, earn, reversals[basis.order_id], lots[earn.transaction_id])
        elif basis.order_id not in posted and rule:
            _earn(account, basis, rule, book.programme, at=account.clock)
    book.post()


def _posted_purchases(bases: Iterable[EarningBasis]) -> dict[int, PostedPurchase]:
    # ::json, because Django's cursors leave jsonb as text.
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT t.order_id, t.id, t.points, t.effective_at, (t.metadata -> 'rule')::json,
                   coalesce((SELECT -sum(r.points) FROM points_transactions r
                             WHERE r.related_id = t.id AND r.transaction_type = 'reversed'), 0)::bigint,
                   coalesce((SELECT sum(a.points) FROM point_lots l
                             JOIN lot_allocations a ON a.lot_id = l.id
                             JOIN points_transactions x ON x.id = a.transaction_id
                             WHERE l.transaction_id = t.id AND x.transaction_type = 'expired'), 0)::bigint
            FROM jsonb_to_recordset(%s) k (user_id bigint, natural_key text)
            JOIN points_transactions t ON t.user_id = k.user_id AND t.natural_key = k.natural_key
            """,
            [
                json.dumps(
                    [
                        {"user_id": basis.user_id, "natural_key": _purchase_key(basis.order_id)}
                        for basis in bases
                    ]
                )
            ],
        )
        return {order_id: PostedPurchase(*earn) for order_id, *earn in cursor.fetchall()}


def _purchase_key(order_id: int) -> str:
    return f"order:{order_id}:purchase"


def _to_reverse(basis: EarningBasis, earn: PostedPurchase) -> int:
    """Return how much of an earn must still go, by the rule as it was when it was earned.

    What the lot lost to expiry is gone already: it counts as given back.
    """
    return earn.points - _entitled(basis, earn) - earn.expired - earn.reversed


def _entitled(basis: EarningBasis, earn: PostedPurchase) -> int:
    return rules.purchase_points(basis.kept, Decimal(earn.rule["points_per_rand"]))


def _earn(
    account: Account, basis: EarningBasis, rule: ActiveRule, programme: ProgrammeRules, *, at: datetime
) -> None:
    points = rules.purchase_points(basis.kept, rule.points_per_rand)
    if points <= 0:
        return
    account.earn(
        Cause(
            natural_key=_purchase_key(basis.order_id),
            description=f"Purchase, order {basis.number}",
            effective_at=basis.delivered_at,
            order_id=basis.order_id,
            metadata={
                "rule": rule.facts(),
                "order": basis.number,
                "shop": basis.shop,
                "basis": str(basis.kept),
                "full_basis": str(basis.full),
                "currency": "ZAR",
            },
        ),
        points,
        matures_at=rules.matures_at(basis.delivered_at, programme.hold_days, timezone.get_default_timezone()),
        expires_at=points_expiry(programme, basis.delivered_at),
        at=at,
    )


def _reverse(account: Account, basis: EarningBasis, earn: PostedPurchase, points: int, lot: Lot) -> None:
    kept = _entitled(basis, earn)
    account.reverse(
        Cause(
            natural_key=f"order:{basis.order_id}:keeps:{kept}",
            description=f"Return, order {basis.number}",
            effective_at=max(basis.changed_at, earn.effective_at),
            order_id=basis.order_id,
            related_id=earn.transaction_id,
            judged_at=earn.effective_at,
            metadata={
                "rule": earn.rule,
                "order": basis.number,
                "shop": basis.shop,
                "basis": str(basis.kept),
                "full_basis": str(basis.full),
                "currency": "ZAR",
                "earned": earn.points,
                "entitled": kept,
                "reversed_before": earn.reversed,
                "expired_before": earn.expired,
                "returns": list(basis.return_references),
            },
        ),
        points,
        lot,
    )


@dataclass(frozen=True, slots=True)
class Award:
    """A fixed amount for something that a member did; `natural_key` makes it earn once."""

    user_id: int
    rule_type: str
    natural_key: str
    description: str
    metadata: dict[str, Any] = field(default_factory=dict)


@transaction.atomic
def earn_awards(awards: Collection[Award], *, at: datetime) -> None:
    """Earn each award once, by the active rule of its type; without one nothing is earned."""
    active = active_rules({award.rule_type for award in awards})
    awards = [
        award for award in awards if award.rule_type in active and active[award.rule_type].points_amount
    ]
    if not awards:
        return
    book = lock_accounts((award.user_id for award in awards), at=at)
    done = posted_keys([(award.user_id, award.natural_key) for award in awards])
    for award in awards:
        account = book.accounts.get(award.user_id)  # none for who was deleted meanwhile
        if account is None or (award.user_id, award.natural_key) in done:
            continue
        done.add((award.user_id, award.natural_key))
        rule, now = active[award.rule_type], account.clock
        account.earn(
            Cause(
                natural_key=award.natural_key,
                description=award.description,
                effective_at=now,
                metadata={"rule": rule.facts(), **award.metadata},
            ),
            rule.points_amount,
            matures_at=now,
            expires_at=points_expiry(book.programme, now),
            at=now,
        )
    book.post()


def points_expiry(programme: ProgrammeRules, earned_at: datetime) -> datetime | None:
    """Return when points earned at `earned_at` expire under the programme, or None for never."""
    return rules.expires_at(earned_at, programme.points_valid_months, timezone.get_default_timezone())


def earn_signups(user_ids: Iterable[int], *, at: datetime) -> None:
    """Earn the sign-up bonus once a member, when a rule for it is active."""
    kind = EarningRule.RuleType.SIGNUP
    earn_awards([Award(user_id, kind, "signup", "Sign-up bonus") for user_id in user_ids], at=at)


def earn_reviews(reviews: Iterable[tuple[int, int]], *, at: datetime) -> None:
    """Earn the review bonus once for each (member, review)."""
    kind = EarningRule.RuleType.REVIEW
    earn_awards(
        [
            Award(user_id, kind, f"review:{review_id}", "Review bonus", {"review_id": review_id})
            for user_id, review_id in reviews
        ],
        at=at,
    )


def earn_referral(*, referrer_id: int, referred_id: int, at: datetime) -> None:
    """Earn the referral bonus once for each member that a member brought in."""
    kind = EarningRule.RuleType.REFERRAL
    key = f"referral:{referred_id}"
    earn_awards([Award(referrer_id, kind, key, "Referral bonus", {"referred_member_id": referred_id})], at=at)
