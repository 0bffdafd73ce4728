from datetime import UTC, datetime

import pytest

from catalog.contracts import ReviewRow
from catalog.facade import approve_review, record_approved_reviews, reject_review, submit_review
from catalog.models import Review
from catalog.services.reviews import AlreadyReviewed, ProductNotFound, RatingOutOfRange, ReviewNotFound
from core.contracts import SYSTEM, Actor
from core.models import AuditEntry
from tests.accounts.factories import make_user
from tests.catalog.factories import make_product, make_review
from tests.concurrency import together

pytestmark = pytest.mark.django_db

AT = datetime(2026, 1, 2, tzinfo=UTC)
CLERK = Actor("staff:clerk", 7)


def test_a_review_waits_for_a_moderator():
    user, product = make_user(), make_product()
    review = submit_review(user_id=user.pk, product_id=product.pk, rating=5, text="Fine.", at=AT)
    assert (review.status, review.created_at, review.rating) == ("pending", AT, 5)


@pytest.mark.parametrize("rating", [0, 6, -1])
def test_a_rating_out_of_range_is_refused(rating):
    with pytest.raises(RatingOutOfRange):
        submit_review(user_id=make_user().pk, product_id=make_product().pk, rating=rating, text="", at=AT)
    assert not Review.objects.exists()


def test_a_product_that_is_not_sold_is_not_reviewed():
    off = make_product(is_active=False)
    for product_id in (off.pk, off.pk + 1):
        with pytest.raises(ProductNotFound):
            submit_review(user_id=make_user().pk, product_id=product_id, rating=1, text="", at=AT)


def test_a_second_review_of_a_product_is_refused_even_after_a_rejection():
    review = make_review(status="rejected", rating=2)
    with pytest.raises(AlreadyReviewed):
        submit_review(user_id=review.user_id, product_id=review.product_id, rating=5, text="", at=AT)
    review.refresh_from_db()
    assert review.rating == 2


def test_approving_is_told_and_audited_once(told):
    review = make_review()
    for _ in range(2):
        approved = approve_review(review_id=review.pk, actor=CLERK, at=AT, reason="helpful")
    assert (approved.status, approved.moderated_at, approved.moderated_by) == ("approved", AT, "staff:clerk")
    assert told() == [("review.approved", {"review_id": review.pk, "user_id": review.user_id})]
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.user_id, entry.action) == ("staff:clerk", 7, "review.approved")
    assert (entry.before, entry.after) == ({"status": "pending"}, {"status": "approved"})
    assert (entry.target, entry.reason) == (f"catalog.review:{review.pk}", "helpful")


def test_an_approved_review_can_still_be_taken_down(told):
    review = make_review()
    approve_review(review_id=review.pk, actor=CLERK, at=AT)
    reject_review(review_id=review.pk, actor=CLERK, at=AT)
    reject_review(review_id=review.pk, actor=CLERK, at=AT)
    assert [topic for topic, _ in told()] == ["review.approved", "review.rejected"]


def test_an_unknown_review_is_404():
    with pytest.raises(ReviewNotFound) as refusal:
        approve_review(review_id=1, actor=CLERK, at=AT)
    assert refusal.value.status == 404


@pytest.mark.django_db(transaction=True)
def test_two_moderators_at_once_approve_once(told):
    review = make_review()
    together(*[lambda: approve_review(review_id=review.pk, actor=CLERK, at=AT)] * 4)
    assert len(told()) == 1
    assert AuditEntry.objects.count() == 1


def test_approved_reviews_of_the_past_are_recorded_once(told, django_assert_num_queries):
    user, product = make_user(), make_product()
    rows = [
        ReviewRow(user.pk, product.pk, 4, "Good.", AT),
        ReviewRow(make_user().pk, product.pk, 1, "Bad.", AT),
    ]
    with django_assert_num_queries(6):  # SAVEPOINT, lock, reviews, ratings, messages, RELEASE
        assert record_approved_reviews([*rows, rows[0]], actor=SYSTEM) == 2
    assert record_approved_reviews(rows, actor=SYSTEM) == 0
    review = Review.objects.get(user=user)
    assert (review.status, review.rating, review.created_at, review.moderated_at) == ("approved", 4, AT, AT)
    assert sorted(payload["user_id"] for _, payload in told()) == [row.user_id for row in rows]
