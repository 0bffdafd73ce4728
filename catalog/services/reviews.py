"""Writing a review, and letting it in or keeping it out."""

from collections.abc import Iterable
from datetime import datetime

from django.db import connection, transaction

from catalog.contracts import REVIEW_APPROVED, REVIEW_REJECTED, ReviewRow
from catalog.models import Product, Review, ReviewStatus
from core import audit, outbox
from core.contracts import Actor
from core.errors import DomainError, NotFound


class ReviewNotFound(NotFound):
    """There is no such review."""

    title = "No such review"


class ProductNotFound(NotFound):
    """There is no such product, or it is not sold any more."""

    title = "No such product"


class RatingOutOfRange(DomainError):
    """A rating is 1 to 5."""

    code, status, title = "rating_out_of_range", 400, "A rating is 1 to 5"


class AlreadyReviewed(DomainError):
    """The member has reviewed this product before."""

    code, status, title = "already_reviewed", 409, "You have reviewed this product already"


@transaction.atomic
def submit_review(*, user_id: int, product_id: int, rating: int, text: str, at: datetime) -> Review:
    """Write a member's review of a product, to be moderated.

    Raises:
        RatingOutOfRange: the rating is not 1 to 5.
        ProductNotFound: the product is unknown or not sold.
        AlreadyReviewed: there is one of this member already, whatever became of it.
    """
    if not 1 <= rating <= 5:
        raise RatingOutOfRange
    if not Product.objects.filter(pk=product_id, is_active=True).exists():
        raise ProductNotFound
    review, made = Review.objects.get_or_create(
        user_id=user_id, product_id=product_id, defaults={"rating": rating, "text": text, "created_at": at}
    )
    if not made:
        raise AlreadyReviewed(review_id=review.pk)
    return review


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


@transaction.atomic
def _moderate(review_id: int, status: ReviewStatus, *, actor: Actor, at: datetime, reason: str) -> Review:
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
    review.save(update_fields=["status", "moderated_at", "moderated_by", "moderation_reason", "updated_at"])
    # An approved review may earn points, so who approved it is kept like any change to points.
    audit.record(
        actor=actor,
        action=f"review.{status.value}",
        target=review,
        before={"status": before},
        after={"status": status.value},
        reason=reason,
    )
    topic = REVIEW_APPROVED if status == ReviewStatus.APPROVED else REVIEW_REJECTED
    outbox.publish(topic, review_id=review.pk, user_id=review.user_id)
    return review


@transaction.atomic
def record_approved_reviews(rows: Iterable[ReviewRow], *, actor: Actor) -> int:
    """Store reviews that were approved elsewhere; return how many were new.

    A member's second review of a product is left out. Publishes `review.approved` for the new ones. Two
    statements for any number of rows.
    """
    wanted = sorted(rows, key=lambda row: (row.product_id, row.user_id))
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO reviews (user_id, product_id, rating, text, status, moderated_at, moderated_by,
                                 moderation_reason, created_at, updated_at)
            SELECT user_id, product_id, rating, text, 'approved', at, %s, '', at, now()
            FROM unnest(%s::bigint[], %s::bigint[], %s::int[], %s::text[], %s::timestamptz[])
                AS given (user_id, product_id, rating, text, at)
            ON CONFLICT (product_id, user_id) DO NOTHING
            RETURNING id, user_id
            """,
            [
                actor.label,
                [row.user_id for row in wanted],
                [row.product_id for row in wanted],
                [row.rating for row in wanted],
                [row.text for row in wanted],
                [row.at for row in wanted],
            ],
        )
        made = cursor.fetchall()
    outbox.publish_many(
        REVIEW_APPROVED, [{"review_id": review_id, "user_id": user_id} for review_id, user_id in made]
    )
    return len(made)
