"""Letting reviews in, keeping them out, and dealing with what members report."""

from datetime import datetime

from django.db import transaction

from catalog.contracts import REVIEW_APPROVED, REVIEW_REJECTED
from catalog.models import Review, ReviewReport, ReviewStatus
from catalog.services.ratings import follow_reviews, lock_products
from catalog.services.reviews import ReviewNotFound
from core import audit, outbox
from core.contracts import Actor

_TOPICS = {ReviewStatus.APPROVED: REVIEW_APPROVED, ReviewStatus.REJECTED: REVIEW_REJECTED}


def approve_review(*, review_id: int, actor: Actor, at: datetime, reason: str = "") -> Review:
    """Show a review and publish `review.approved`; one that is approved stays as it is.

    Raises:
        ReviewNotFound: there is no such review.
    """
    return _moderate(review_id, ReviewStatus.APPROVED, actor=actor, at=at, reason=reason)


def reject_review(*, review_id: int, actor: Actor, at: datetime, reason: str = "") -> Review:
    """Hide a review and publish `review.rejected`; one that is rejected stays as it is.

    Raises:
        ReviewNotFound: there is no such review.
    """
    return _moderate(review_id, ReviewStatus.REJECTED, actor=actor, at=at, reason=reason)


def reopen_review(*, review_id: int, actor: Actor, at: datetime, reason: str = "") -> Review:
    """Let a review wait for a moderator again: it is hidden meanwhile, and the member may change it.

    Raises:
        ReviewNotFound: there is no such review.
    """
    return _moderate(review_id, ReviewStatus.PENDING, actor=actor, at=at, reason=reason)


@transaction.atomic
def dismiss_reports(*, review_id: int, actor: Actor, at: datetime, reason: str = "") -> int:
    """Settle a review's open reports and leave the review as it is; return how many there were."""
    settled = ReviewReport.objects.filter(review_id=review_id, settled_at=None).update(settled_at=at)
    if settled:
        audit.record(
            actor=actor,
            action="review.reports_dismissed",
            target=Review(pk=review_id),
            before={"open_reports": settled},
            after={"open_reports": 0},
            reason=reason,
        )
    return settled


@transaction.atomic
def _moderate(review_id: int, status: ReviewStatus, *, actor: Actor, at: datetime, reason: str) -> Review:
    lock_products(Review.objects.filter(pk=review_id).values_list("product_id", flat=True))
    review = Review.objects.select_for_update(no_key=True).filter(pk=review_id).first()
    if review is None:
        raise ReviewNotFound
    if review.status == status:
        return review
    before = review.status
    review.status = status
    review.moderated_at = at
    review.moderated_by = actor.label
    review.moderation_reason = reason
    if status == ReviewStatus.APPROVED and review.earned_at is None:
        review.earned_at = at
    review.save(
        update_fields=[
            "status", "moderated_at", "moderated_by", "moderation_reason", "earned_at", "updated_at"
        ]
    )  # fmt: skip
    ReviewReport.objects.filter(review=review, settled_at=None).update(settled_at=at)
    if ReviewStatus.APPROVED in (before, status):
        follow_reviews([review.product_id])
    # An approved review may earn points, so who approved it is kept like any change to points.
    audit.record(
        actor=actor,
        action=f"review.{status.value}",
        target=review,
        before={"status": before},
        after={"status": status.value},
        reason=reason,
    )
    if topic := _TOPICS.get(status):
        outbox.publish(topic, review_id=review.pk, user_id=review.user_id)
    return review
