"""Tells the shop's story to the services that a real shop uses, with the times at which things happened.

A week's orders arrive and are accrued, then goods come back and are reversed, then reviews are approved and
points redeemed: no phase needs what a later one writes, and each takes its locks in the documented order. The
messages that all this publishes find their work done when they are delivered, unless the programme was given
rules that the story does not know, such as a sign-up bonus.
"""

import logging
from collections.abc import Callable, Iterable
from datetime import datetime, time
from functools import cached_property, partial

from django.utils import timezone

from accounts.contracts import MemberRow
from accounts.facade import ensure_members, register_member
from catalog.contracts import CategoryRow, ProductRow
from catalog.facade import approve_review, ensure_categories, ensure_products, reject_review, submit_review
from core.contracts import Actor
from core.errors import DomainError
from demo.messages import tell_messages
from demo.pricing import AppliedVoucher, delivered_order, priced_order
from demo.seasons import DAY, SATURDAY
from demo.shop import VISITOR, Adjustment, Order, Redemption, Return, Review, Shop, Step, Week, at
from demo.support import tell_support
from orders.contracts import SHOP, ReturnRow
from orders.facade import (
    lock_returnable_lines,
    move_order,
    order_ids,
    place_order,
    record_delivered_orders,
    record_returns,
)
from rewards.facade import (
    accrue_orders,
    adjust_points,
    earn_reviews,
    expire_points,
    expire_vouchers,
    mature_points,
    redeem_option,
    release_voucher,
    reserve_voucher,
    use_voucher,
    vouchers,
)

logger = logging.getLogger(__name__)

PASSWORD = "sawubona-thandi"  # noqa: S105  of a member who does not exist
ACTOR = Actor("demo")

Phase = Callable[[], None]


class Telling:
    """A shop and, once they exist, the ids of its members and products."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    def phases(self) -> list[Phase]:
        """Return what is to be done, in its order; each of them in a transaction of its own, and once."""
        phases: list[Phase] = [self._open]
        for week in self._shop.weeks:
            phases += self._week(week)
        return [*phases, self._support, self._messages, _catch_up]

    def _week(self, week: Week) -> list[Phase]:
        weekend = at(week.monday + SATURDAY * DAY, time.min)
        arrived = [
            *(order.number for order in week.delivered),
            *(step.order.number for step in week.steps if step.status == "delivered"),
        ]
        phases: list[Phase] = []
        if week.delivered or week.steps:
            phases.append(partial(self._deliver, week.delivered, week.steps))
        if arrived:
            phases.append(partial(self._accrue, arrived, weekend))
        if week.returns:
            phases.append(partial(self._take_back, week.returns))
        if week.reviews:
            phases.append(partial(self._moderate, week.reviews))
        if week.redemptions:
            phases.append(partial(self._redeem, week.redemptions))
        if week.adjustments:
            phases.append(partial(self._adjust, week.adjustments))
        return phases

    def _support(self) -> None:
        """Let members ask, and an agent answer."""
        tell_support(self._member_ids, self._shop.until.date())

    def _messages(self) -> None:
        """Give the member with a password a phone, and messages a second language."""
        tell_messages(self._member_ids[VISITOR], at=self._shop.until)

    def _open(self) -> None:
        """Register the member with a password, then everybody and everything else."""
        (visitor,) = (member for member in self._shop.members if member.key == VISITOR)
        register_member(
            username=visitor.username,
            at=visitor.joined_at,
            email=_email(visitor.username),
            password=PASSWORD,
            first_name=visitor.first_name,
            last_name=visitor.last_name,
            external_id=visitor.key,
        )
        _ = self._member_ids, self._product_ids

    @cached_property
    def _member_ids(self) -> dict[str, int]:
        return ensure_members(
            MemberRow(
                external_id=member.key,
                joined_at=member.joined_at,
                username=member.username,
                email=_email(member.username),
                first_name=member.first_name,
                last_name=member.last_name,
            )
            for member in self._shop.members
        )

    @cached_property
    def _product_ids(self) -> dict[str, int]:
        shelves = ensure_categories(
            CategoryRow(category.slug, category.name, category.parent) for category in self._shop.categories
        )
        return ensure_products(
            ProductRow(product.sku, product.name, product.price, shelves[product.category])
            for product in self._shop.products
        )

    def _deliver(self, delivered: Iterable[Order], steps: Iterable[Step]) -> None:
        """Store the orders that are told as a whole, and move the others along."""
        record_delivered_orders(
            (
                delivered_order(order, self._member_ids[order.member], self._product_ids)
                for order in delivered
            ),
            actor=ACTOR,
        )
        steps = list(steps)
        known = order_ids(SHOP, (step.order.number for step in steps))
        for step in steps:
            if step.status == "pending":
                known[step.order.number] = self._place(step.order)
            else:
                _move(known[step.order.number], step)

    def _place(self, order: Order) -> int:
        user_id = self._member_ids[order.member]
        voucher = _usable_voucher(user_id, order.placed_at) if order.with_voucher else None
        placed = place_order(
            priced=priced_order(order, user_id, self._product_ids, voucher),
            actor=Actor(f"member:{user_id}", user_id),
            at=order.placed_at,
        )
        if voucher:
            reserve_voucher(user_id=user_id, code=voucher.code, order_id=placed.pk, at=order.placed_at)
        return placed.pk

    def _accrue(self, numbers: Iterable[str], weekend: datetime) -> None:
        accrue_orders(list(order_ids(SHOP, numbers).values()), at=min(weekend, self._shop.until))

    def _take_back(self, returns: Iterable[Return]) -> None:
        """Book what came back, and reverse its points."""
        returns = list(returns)
        ids = order_ids(SHOP, (returned.order.number for returned in returns))
        items = {
            (line.order_id, line.product_id): line.item_id
            for line in lock_returnable_lines(
                (self._member_ids[returned.order.member], self._product_ids[sku])
                for returned in returns
                for sku, _ in returned.pieces
            )
        }
        rows = [
            ReturnRow(
                order_id=(order_id := ids[returned.order.number]),
                reference=returned.reference,
                lines=tuple((items[order_id, self._product_ids[sku]], qty) for sku, qty in returned.pieces),
                at=returned.at,
                reason=returned.reason,
            )
            for returned in returns
        ]
        record_returns(rows, actor=ACTOR)
        accrue_orders(list(ids.values()), at=max(returned.at for returned in returns))

    def _moderate(self, reviews: Iterable[Review]) -> None:
        """Write reviews; approve or reject those that have been read, and let the approved earn."""
        approved: dict[datetime, list[tuple[int, int]]] = {}
        for review in reviews:
            user_id = self._member_ids[review.member]
            written = submit_review(
                user_id=user_id,
                product_id=self._product_ids[review.sku],
                rating=review.rating,
                text=review.text,
                at=review.at,
            )
            if review.moderated_at is None:
                continue
            if review.is_approved:
                approve_review(review_id=written.pk, actor=ACTOR, at=review.moderated_at)
                approved.setdefault(review.moderated_at, []).append((user_id, written.pk))
            else:
                reject_review(
                    review_id=written.pk, actor=ACTOR, at=review.moderated_at, reason="Not about the product"
                )
        # One moment a week, so this locks accounts once.
        for moment, earning in approved.items():
            earn_reviews(earning, at=moment)

    def _redeem(self, redemptions: Iterable[Redemption]) -> None:
        """Redeem by the member's id, as accounts are locked; a refusal is the programme's good right."""
        for redemption in sorted(redemptions, key=lambda one: (self._member_ids[one.member], one.at)):
            try:
                redeem_option(
                    user_id=self._member_ids[redemption.member],
                    option_id=redemption.option,
                    offered=redemption.points,
                    at=redemption.at,
                    key=redemption.key,
                )
            except DomainError as refusal:
                logger.warning(
                    "demo: %s of %s was refused: %s", redemption.option, redemption.member, refusal
                )

    def _adjust(self, adjustments: Iterable[Adjustment]) -> None:
        for adjustment in sorted(adjustments, key=lambda one: self._member_ids[one.member]):
            adjust_points(
                user_id=self._member_ids[adjustment.member],
                points=adjustment.points,
                reason=adjustment.reason,
                key=adjustment.key,
                actor=ACTOR,
                at=adjustment.at,
            )


def _usable_voucher(user_id: int, moment: datetime) -> AppliedVoucher | None:
    available = vouchers(user_id, at=moment, status="available").filter(type="discount_voucher")
    voucher = available.order_by("expires_at", "id").first()
    return AppliedVoucher(voucher.code, voucher.value) if voucher else None


def _move(order_id: int, step: Step) -> None:
    reason = ""
    if step.status == "cancelled":
        reason = "Cancelled by the member" if "paid" in step.order.reached else "Not paid in time"
    move_order(order_id=order_id, to=step.status, actor=ACTOR, at=step.at, reason=reason)
    if step.order.with_voucher and step.status == "paid":
        use_voucher(order_id=order_id, at=step.at)
    elif step.order.with_voucher and step.status == "cancelled":
        release_voucher(order_id=order_id, at=step.at)


def _catch_up() -> None:
    """Post what the clock has decided, as the nightly jobs would have."""
    now = timezone.now()
    mature_points(at=now)
    expire_points(at=now)
    expire_vouchers(at=now)


def _email(username: str) -> str:
    return f"{username}@example.com"
