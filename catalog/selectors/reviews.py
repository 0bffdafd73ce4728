"""Reviews as members see them."""

from django.db.models import Exists, OuterRef, Q, QuerySet

from catalog.models import Review, ReviewStatus, ReviewVote
from catalog.selectors.products import ProductNotShown, listed_id
from core.errors import NotFound


class ReviewNotShown(NotFound):
    """There is no such review, or it is not the caller's to see."""

    title = "No such review"


def reviews_of_product(product_id: int, *, user_id: int, rating: int | None = None) -> QuerySet[Review]:
    """Return a product's approved reviews, perhaps of one rating; of a variant its listed product's.

    Raises:
        ProductNotShown: there is no such product on sale.
    """
    listed = listed_id(product_id)
    if listed is None:
        raise ProductNotShown
    shown = _seen_by(user_id).filter(product_id=listed, status=ReviewStatus.APPROVED)
    return shown if rating is None else shown.filter(rating=rating)


def reviews_of_member(user_id: int) -> QuerySet[Review]:
    """Return a member's own reviews, whatever became of them."""
    return _seen_by(user_id).filter(user_id=user_id).select_related("product")


def review_seen_by(user_id: int, review_id: int) -> Review:
    """Return one review: one's own, or one that is shown, of a product that is.

    Raises:
        ReviewNotShown: there is none such.
    """
    shown = Q(status=ReviewStatus.APPROVED, product__is_active=True)
    seen = _seen_by(user_id).filter(Q(user_id=user_id) | shown)
    review = seen.filter(pk=review_id).first()
    if review is None:
        raise ReviewNotShown
    return review


def _seen_by(user_id: int) -> QuerySet[Review]:
    """Add author, pictures, and `found_helpful` by this member: the same queries for any number."""
    voted = ReviewVote.objects.filter(review=OuterRef("pk"), user_id=user_id)
    reviews = Review.objects.annotate(found_helpful=Exists(voted))
    return reviews.select_related("user").prefetch_related("images")
