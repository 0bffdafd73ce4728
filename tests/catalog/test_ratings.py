"""A product's rating is what its approved reviews add up to, whoever does what at the same time."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.db import connection

from catalog.contracts import ReviewRow
from catalog.facade import approve_review, find_helpful, record_approved_reviews, reject_review, submit_review
from catalog.models import Product, Review, ReviewVote
from catalog.services.moderation import reopen_review
from catalog.services.reviews import AlreadyReviewed, ReviewStays, edit_review, withdraw_review
from core import outbox
from core.contracts import SYSTEM
from core.errors import DomainError
from rewards.models import PointsTransaction
from tests.accounts.factories import make_user
from tests.catalog.factories import make_product, make_review
from tests.concurrency import together

pytestmark = pytest.mark.django_db

AT = datetime(2026, 1, 2, tzinfo=UTC)


def approve(review):
    return approve_review(review_id=review.pk, actor=SYSTEM, at=AT)


def reject(review):
    return reject_review(review_id=review.pk, actor=SYSTEM, at=AT, reason="No.")


def reopen(review):
    return reopen_review(review_id=review.pk, actor=SYSTEM, at=AT)


def rating(product):
    return Product.objects.values_list("rating_count", "rating_average").get(pk=product.pk)


def assert_ratings_follow():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM products WHERE (rating_count, rating_average) <> ("
            " SELECT count(*), coalesce(round(avg(rating), 2), 0) FROM reviews"
            " WHERE product_id = products.id AND status = 'approved')"
        )
        assert cursor.fetchone() == (0,)


def test_the_rating_follows_each_step():
    product = make_product()
    five, two, waiting = (make_review(product=product, rating=stars) for stars in (5, 2, 1))
    assert rating(product) == (0, 0)
    approve(five)
    assert rating(product) == (1, 5)
    approve(two)
    assert rating(product) == (2, Decimal("3.50"))
    approve(two)
    assert rating(product) == (2, Decimal("3.50"))
    reject(five)
    assert rating(product) == (1, 2)
    reopen(two)
    assert rating(product) == (0, 0)
    for review in (five, two, waiting):
        approve(review)
    assert rating(product) == (3, Decimal("2.67"))


def test_reviews_recorded_in_bulk_count_with_those_that_are_there():
    first, second = make_product(), make_product()
    approve(make_review(product=first, rating=1))
    rows = [ReviewRow(make_user().pk, product.pk, 4, "", AT) for product in (second, first, first)]
    record_approved_reviews(rows, actor=SYSTEM)
    assert (rating(first), rating(second)) == ((3, 3), (1, 4))


def earned():
    assert outbox.drain(10)
    lines = PointsTransaction.objects.filter(transaction_type="earned")
    return list(lines.values_list("natural_key", "points"))


def test_an_approved_review_earns_once_however_often_it_is_approved():
    review = make_review()
    assert earned() == []
    approve(review)
    assert earned() == [(f"review:{review.pk}", 50)]
    reopen(review)
    approve(review)
    reject(review)
    approve(review)
    edit_review(user_id=review.user_id, review_id=review.pk, text="New.", at=AT)
    approve(review)
    assert earned() == [(f"review:{review.pk}", 50)]
    with pytest.raises(ReviewStays):
        withdraw_review(user_id=review.user_id, review_id=review.pk)


@pytest.mark.django_db(transaction=True)
def test_moderators_at_once_leave_an_exact_rating():
    product = make_product()
    reviews = [make_review(product=product, rating=1 + number % 5) for number in range(12)]
    for review in reviews[:4]:
        approve(review)
    jobs = [lambda review=review: approve(review) for review in reviews[4:]]
    jobs += [lambda review=review: reject(review) for review in reviews[:2]]
    jobs += [lambda review=review: reopen(review) for review in reviews[2:4]]
    jobs += [
        lambda: record_approved_reviews([ReviewRow(make_user().pk, product.pk, 5, "", AT)], actor=SYSTEM)
    ]
    results = together(*jobs)
    assert not [result for result in results if isinstance(result, Exception)]
    assert Review.objects.filter(status="approved").count() == 9
    assert rating(product)[0] == 9
    assert_ratings_follow()


@pytest.mark.django_db(transaction=True)
def test_an_author_and_a_moderator_at_once_leave_an_exact_rating():
    for _ in range(5):
        review = make_review(rating=5)
        approve(review)
        edit = {"user_id": review.user_id, "review_id": review.pk, "rating": 1, "at": AT}
        results = together(
            lambda edit=edit: edit_review(**edit),
            lambda review=review: reject(review),
            lambda review=review: approve(review),
        )
        assert all(isinstance(result, Review | DomainError) for result in results)
        assert_ratings_follow()


@pytest.mark.django_db(transaction=True)
def test_deleting_and_approving_at_once_is_one_of_the_two():
    for _ in range(5):
        review = make_review()
        results = together(
            lambda review=review: withdraw_review(user_id=review.user_id, review_id=review.pk),
            lambda review=review: approve(review),
        )
        assert sum(isinstance(result, DomainError) for result in results) == 1
        assert_ratings_follow()


@pytest.mark.django_db(transaction=True)
def test_one_review_of_eight_sent_at_once_is_kept():
    user, product = make_user(), make_product()
    send = {"user_id": user.pk, "product_id": product.pk, "rating": 4, "text": "", "at": AT}
    results = together(*[lambda: submit_review(**send)] * 8)
    assert sum(isinstance(result, AlreadyReviewed) for result in results) == 7
    assert Review.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_votes_at_once_are_counted_exactly():
    review = make_review(status="approved")
    voters = [make_user().pk for _ in range(8)]
    for voter in voters[:3]:
        find_helpful(user_id=voter, review_id=review.pk, helpful=True)

    def vote(voter, helpful):
        return lambda: find_helpful(user_id=voter, review_id=review.pk, helpful=helpful)

    jobs = [vote(voter, False) for voter in voters[:3] * 2] + [vote(voter, True) for voter in voters[3:] * 2]
    results = together(*jobs)
    assert not [result for result in results if isinstance(result, Exception)]
    review.refresh_from_db()
    assert review.helpful_count == ReviewVote.objects.count() == 5
