"""A member's review: writing it, changing it, taking it back."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from django.db import connection, transaction

from catalog.contracts import REVIEW_APPROVED, ReviewRow
from catalog.models import Product, Review, ReviewImage, ReviewStatus
from catalog.ports import has_bought
from catalog.selectors.products import listed_id
from catalog.services.ratings import follow_reviews, lock_products
from core import outbox
from core.contracts import Actor
from core.errors import DomainError, NotFound
from core.images import CleanImage
from core.pictures import delete_after_commit, stored

MOST_IMAGES = 5
_FOLDER = "reviews"


class ReviewNotFound(NotFound):
    """There is no such review, or it is not the caller's to see."""

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


class TooManyImages(DomainError):
    """A review has five pictures at most."""

    code, status, title = "too_many_images", 400, f"A review has {MOST_IMAGES} pictures at most"


class ReviewRejected(DomainError):
    """A moderator has kept the review out: it stays as it is."""

    code, status, title = "review_rejected", 409, "This review was rejected"


class ReviewStays(DomainError):
    """Only a review that no moderator has let in or kept out can be deleted."""

    code, status, title = "review_stays", 409, "Only a review that is still waiting can be deleted"


def submit_review(
    *,
    user_id: int,
    product_id: int,
    rating: int,
    text: str,
    at: datetime,
    images: Sequence[CleanImage] = (),
) -> Review:
    """Write a member's review of a product, to be moderated; of a variant it is its listed product's.

    Raises:
        RatingOutOfRange: the rating is not 1 to 5.
        TooManyImages: more than five pictures.
        ProductNotFound: the product is unknown or not sold.
        AlreadyReviewed: there is one of this member already, whatever became of it.
    """
    _check(rating, len(images))
    with stored(_FOLDER, images) as names, transaction.atomic():
        listed = listed_id(product_id)
        if listed is None:
            raise ProductNotFound
        family = [listed, *Product.objects.filter(variant_of=listed).values_list("pk", flat=True)]
        review, made = Review.objects.get_or_create(
            user_id=user_id,
            product_id=listed,
            defaults={
                "rating": rating,
                "text": text,
                "created_at": at,
                "verified_purchase": has_bought(user_id=user_id, product_ids=family),
            },
        )
        if not made:
            raise AlreadyReviewed(review_id=review.pk)
        _attach(review, names, images)
    return review


def edit_review(
    *,
    user_id: int,
    review_id: int,
    at: datetime,
    rating: int | None = None,
    text: str | None = None,
    images: Sequence[CleanImage] = (),
    without_images: Collection[int] = (),
) -> Review:
    """Change one's own review; one that was approved waits for a moderator again. None leaves as it is.

    Raises:
        RatingOutOfRange: the rating is not 1 to 5.
        ReviewNotFound: there is no such review of this member.
        ReviewRejected: a moderator has kept it out.
        TooManyImages: it would have more than five pictures.
    """
    _check(rating, len(images))
    with stored(_FOLDER, images) as names, transaction.atomic():
        review = _lock_own(user_id, review_id)
        if review.status == ReviewStatus.REJECTED:
            raise ReviewRejected
        kept = list(review.images.all())
        gone = [image for image in kept if image.pk in set(without_images)]
        if len(kept) - len(gone) + len(images) > MOST_IMAGES:
            raise TooManyImages
        rating = review.rating if rating is None else rating
        text = review.text if text is None else text
        if (rating, text) == (review.rating, review.text) and not gone and not images:
            return review
        ReviewImage.objects.filter(pk__in=[image.pk for image in gone]).delete()
        delete_after_commit(image.file.name for image in gone)
        _attach(review, names, images)
        was_shown = review.status == ReviewStatus.APPROVED
        review.rating, review.text, review.edited_at = rating, text, at
        review.status = ReviewStatus.PENDING
        review.save(update_fields=["rating", "text", "edited_at", "status", "updated_at"])
        if was_shown:
            follow_reviews([review.product_id])
    return review


@transaction.atomic
def withdraw_review(*, user_id: int, review_id: int) -> None:
    """Delete one's own review that waits for its first moderation.

    Raises:
        ReviewNotFound: there is no such review of this member.
        ReviewStays: it is shown, was rejected, or has earned: deleting it would let the member earn again.
    """
    review = _lock_own(user_id, review_id)
    if review.status != ReviewStatus.PENDING or review.earned_at is not None:
        raise ReviewStays
    delete_after_commit(image.file.name for image in review.images.all())
    review.delete()


@transaction.atomic
def record_approved_reviews(rows: Iterable[ReviewRow], *, actor: Actor) -> int:
    """Store reviews that were approved elsewhere; return how many were new.

    A member's second review of a product is left out. Publishes `review.approved` for the new ones. Four
    statements for any number of rows.
    """
    wanted = sorted(rows, key=lambda row: (row.product_id, row.user_id))
    lock_products(row.product_id for row in wanted)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO reviews (user_id, product_id, rating, text, status, moderated_at, moderated_by,
                                 moderation_reason, earned_at, created_at, updated_at)
            SELECT user_id, product_id, rating, text, 'approved', at, %s, '', at, at, now()
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
    follow_reviews(row.product_id for row in wanted)
    outbox.publish_many(
        REVIEW_APPROVED, [{"review_id": review_id, "user_id": user_id} for review_id, user_id in made]
    )
    return len(made)


def _check(rating: int | None, images: int) -> None:
    if rating is not None and not 1 <= rating <= 5:
        raise RatingOutOfRange
    if images > MOST_IMAGES:
        raise TooManyImages


def _lock_own(user_id: int, review_id: int) -> Review:
    """Lock a member's review after its product, as moderators do."""
    product_id = Review.objects.filter(pk=review_id, user_id=user_id).values_list("product_id", flat=True)
    lock_products(product_id)
    review = Review.objects.select_for_update(no_key=True).filter(pk=review_id, user_id=user_id).first()
    if review is None:
        raise ReviewNotFound
    return review


def _attach(review: Review, names: Sequence[str], images: Sequence[CleanImage]) -> None:
    ReviewImage.objects.bulk_create(
        ReviewImage(review=review, file=name, width=image.width, height=image.height)
        for name, image in zip(names, images, strict=True)
    )
