"""What members make of each other's reviews: helpful, or to be looked at."""

from django.db import transaction
from django.db.models import QuerySet

from catalog.models import Review, ReviewReport, ReviewStatus, ReviewVote
from catalog.services.reviews import ReviewNotFound
from core.errors import DomainError


class OwnReview(DomainError):
    """One does not vote for one's own review, nor report it."""

    code, status, title = "own_review", 409, "This is your own review"


@transaction.atomic
def find_helpful(*, user_id: int, review_id: int, helpful: bool) -> int:
    """Give a member's vote to a shown review, or take it back; return the review's votes.

    A call sent twice counts once.

    Raises:
        ReviewNotFound: there is no such review, or it is not shown.
        OwnReview: it is the member's own.
    """
    # Locked before the vote is looked for: whoever waited here finds what the others left.
    review = _shown_of_another(
        Review.objects.select_for_update(no_key=True, of=("self",)), user_id, review_id
    )
    if helpful:
        _, changed = ReviewVote.objects.get_or_create(review_id=review_id, user_id=user_id)
    else:
        changed = ReviewVote.objects.filter(review_id=review_id, user_id=user_id).delete()[0] > 0
    if changed:
        review.helpful_count += 1 if helpful else -1
        review.save(update_fields=["helpful_count"])
    return review.helpful_count


@transaction.atomic
def report_review(*, user_id: int, review_id: int, reason: str, note: str = "") -> ReviewReport:
    """Tell the moderators about a shown review; a member's second report of it changes nothing.

    Raises:
        ReviewNotFound: there is no such review, or it is not shown.
        OwnReview: it is the member's own.
    """
    _shown_of_another(Review.objects.all(), user_id, review_id)
    report, _ = ReviewReport.objects.get_or_create(
        review_id=review_id, user_id=user_id, defaults={"reason": reason, "note": note}
    )
    return report


def _shown_of_another(reviews: QuerySet[Review], user_id: int, review_id: int) -> Review:
    shown = reviews.filter(pk=review_id, status=ReviewStatus.APPROVED, product__is_active=True)
    review = shown.first()
    if review is None:
        raise ReviewNotFound
    if review.user_id == user_id:
        raise OwnReview
    return review
