"""Reviews over HTTP: writing, pictures, changing, votes, reports, and whose they are."""

import json
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from catalog.facade import approve_review, reject_review
from catalog.models import Product, Review, ReviewImage, ReviewReport, ReviewVote
from core.contracts import SYSTEM
from orders.contracts import DeliveredOrder, PricedLine, ReturnRow
from orders.facade import record_delivered_orders, record_returns
from orders.models import OrderItem
from tests.accounts.factories import client_of, make_user
from tests.catalog.factories import make_product, make_review, make_variant, picture

pytestmark = pytest.mark.django_db


@pytest.fixture
def other(db):
    return client_of(make_user())


def files(folder):
    return sorted(path.name for path in Path(folder).rglob("*") if path.is_file())


def submit(client, product, **body):
    return client.post(f"/catalog/products/{product.pk}/reviews/", {"rating": 4} | body)


def submit_pictures(client, product, *images, **body):
    body = {"rating": "4", "text": "Look.", "images": list(images)} | body
    return client.post(f"/catalog/products/{product.pk}/reviews/", body, format="multipart")


def approve(review_id):
    return approve_review(review_id=review_id, actor=SYSTEM, at=timezone.now())


def rating_of(product):
    return Product.objects.values_list("rating_count", "rating_average").get(pk=product.pk)


def test_a_review_is_written_waits_and_shows_once_approved(signed_in, other):
    product = make_product()
    answer = submit(signed_in, product, rating=5, text="Holds coffee.")
    assert answer.status_code == 201
    review = Review.objects.get()
    body = answer.json()
    assert body == {
        "id": review.pk,
        "product_id": product.pk,
        "rating": 5,
        "text": "Holds coffee.",
        "author": "Thandi N",
        "own": True,
        "verified_purchase": False,
        "images": [],
        "helpful_count": 0,
        "found_helpful": False,
        "created_at": timezone.localtime(review.created_at).isoformat(),
        "edited_at": None,
        "status": "pending",
        "moderation_reason": "",
    }
    path = f"/catalog/products/{product.pk}/reviews/"
    assert other.get(path).json()["results"] == []
    assert other.get(f"/catalog/reviews/{review.pk}/").status_code == 404
    approve(review.pk)
    (shown,) = other.get(path).json()["results"]
    for secret in ("status", "moderation_reason"):
        body.pop(secret)
    assert shown == body | {"own": False}
    assert other.get(f"/catalog/reviews/{review.pk}/").json() == shown


def test_a_second_review_is_refused(signed_in):
    product = make_product()
    submit(signed_in, product)
    answer = submit(signed_in, product, rating=1)
    assert (answer.status_code, answer.json()["code"]) == (409, "already_reviewed")
    assert Review.objects.get().rating == 4


def test_a_variant_is_reviewed_as_its_product(signed_in):
    product = make_product()
    variant = make_variant(product)
    assert submit(signed_in, variant).json()["product_id"] == product.pk
    assert submit(signed_in, product).status_code == 409


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "rating"),
        ({"rating": 0}, "rating"),
        ({"rating": 6}, "rating"),
        ({"rating": "many"}, "rating"),
        ({"rating": 4.5}, "rating"),
        ({"rating": None}, "rating"),
        ({"rating": 10**30}, "rating"),
        ({"rating": 5, "text": 7}, "text"),
        ({"rating": 5, "text": None}, "text"),
        ({"rating": 5, "text": "x" * 5001}, "text"),
        ({"rating": 5, "text": "a\x00b"}, "text"),
        ({"rating": 5, "text": "\ud800"}, "text"),
        ({"rating": 5, "images": "x"}, "images"),
        ({"rating": 5, "images": ["x"]}, "images.0"),
        ([], "body"),
    ],
    ids=ascii,
)
def test_a_wrong_field_is_named(signed_in, body, field):
    path = f"/catalog/products/{make_product().pk}/reviews/"
    answer = signed_in.generic("POST", path, json.dumps(body), content_type="application/json")
    assert answer.status_code == 400, answer.content
    assert set(answer.json()["errors"]) == {field}
    assert not Review.objects.exists()


# --- verified purchases ------------------------------------------------------------------------------------


def deliver(member, product):
    line = PricedLine(product.pk, 2, product.price)
    now = timezone.now()
    order = DeliveredOrder(
        user_id=member.pk, number=f"N{product.pk}", placed_at=now, delivered_at=now, lines=(line,)
    )
    return record_delivered_orders([order])["markethub", f"N{product.pk}"]


def test_who_received_the_product_or_a_variant_is_verified(signed_in, member):
    bought, of_variant, never = make_product(), make_product(), make_product()
    deliver(member, bought)
    deliver(member, make_variant(of_variant))
    deliver(make_user(), never)
    assert submit(signed_in, bought).json()["verified_purchase"] is True
    assert submit(signed_in, of_variant).json()["verified_purchase"] is True
    assert submit(signed_in, never).json()["verified_purchase"] is False


def test_who_sent_all_of_it_back_is_not(signed_in, member):
    product = make_product()
    order_id = deliver(member, product)
    item = OrderItem.objects.get(order=order_id)
    row = ReturnRow(order_id=order_id, reference="R", lines=((item.pk, 2),), at=timezone.now())
    record_returns([row], actor=SYSTEM)
    assert submit(signed_in, product).json()["verified_purchase"] is False


# --- pictures ----------------------------------------------------------------------------------------------


def test_pictures_are_kept_under_names_that_nobody_guesses(signed_in, api, own_media):
    answer = submit_pictures(signed_in, make_product(), picture(), picture(kind="JPEG"), rating="5")
    assert answer.status_code == 201, answer.content
    assert (answer.json()["rating"], answer.json()["text"]) == (5, "Look.")
    images = answer.json()["images"]
    assert [(image["width"], image["height"]) for image in images] == [(40, 30), (40, 30)]
    assert len(files(own_media)) == 2
    for image, row in zip(images, ReviewImage.objects.order_by("id"), strict=True):
        assert image["url"] == f"http://testserver/media/{row.file.name}"
        assert "mine" not in row.file.name
        shown = api.get(image["url"])
        assert (shown.status_code, shown["Content-Type"]) == (200, "image/jpeg")
        b"".join(shown.streaming_content)


@pytest.mark.parametrize(
    ("images", "field"),
    [
        ([SimpleUploadedFile("a.jpg", b"no picture", "image/jpeg")], "images.0"),
        ([picture(), SimpleUploadedFile("a.svg", b"<svg/>", "image/svg+xml")], "images.1"),
        ([SimpleUploadedFile("a.jpg", b"", "image/jpeg")], "images.0"),
        ([picture(mode="1", width=8000, height=8000, color=0)], "images.0"),
        ([picture() for _ in range(6)], "images"),
    ],
    ids=["text", "svg", "empty", "bomb", "six"],
)
def test_what_is_no_picture_or_one_too_many_is_named(signed_in, own_media, images, field):
    for image in images:
        image.seek(0)
    answer = submit_pictures(signed_in, make_product(), *images)
    assert answer.status_code == 400, answer.content
    assert set(answer.json()["errors"]) == {field}
    assert not Review.objects.exists()
    assert files(own_media) == []


def test_a_picture_above_two_megabytes_is_refused_and_five_below_are_taken(signed_in, own_media):
    noisy = picture(1200, 600, "BMP", mode="RGB").read()
    assert len(noisy) > 2 * 1024 * 1024
    answer = submit_pictures(signed_in, make_product(), SimpleUploadedFile("a.bmp", noisy))
    assert set(answer.json()["errors"]) == {"images.0"}
    padded = picture().read() + b"\0" * (2 * 1024 * 1024 - 500)
    five = [SimpleUploadedFile(f"{number}.png", padded) for number in range(5)]
    assert submit_pictures(signed_in, make_product(), *five).status_code == 201
    assert len(files(own_media)) == 5


def test_a_body_above_what_five_pictures_need_is_refused_unread(signed_in):
    product = make_product()
    answer = submit_pictures(
        signed_in, product, *[SimpleUploadedFile("a", b"x" * (3 << 20)) for _ in range(4)]
    )
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    report = f"/catalog/reviews/{make_review(status='approved').pk}/report/"
    assert signed_in.post(report, {"reason": "spam", "note": "x" * (2 << 20)}).status_code == 413


def test_a_refused_review_leaves_no_file(signed_in, own_media):
    product = make_product()
    submit(signed_in, product)
    assert submit_pictures(signed_in, product, picture()).status_code == 409
    assert files(own_media) == []


# --- changing ----------------------------------------------------------------------------------------------


def test_a_waiting_review_is_changed(signed_in):
    review_id = submit(signed_in, make_product(), text="Old.").json()["id"]
    answer = signed_in.patch(f"/catalog/reviews/{review_id}/", {"rating": 2})
    assert (answer.status_code, answer.json()["rating"], answer.json()["text"]) == (200, 2, "Old.")
    assert answer.json()["edited_at"] is not None


def test_a_change_of_an_approved_review_hides_it_until_it_is_approved_again(signed_in, other):
    product = make_product()
    review_id = submit(signed_in, product, rating=5).json()["id"]
    approve(review_id)
    assert rating_of(product) == (1, 5)
    unchanged = signed_in.patch(f"/catalog/reviews/{review_id}/", {"rating": 5})
    assert unchanged.json()["status"] == "approved"
    answer = signed_in.patch(f"/catalog/reviews/{review_id}/", {"rating": 1})
    assert answer.json()["status"] == "pending"
    assert rating_of(product) == (0, 0)
    assert other.get(f"/catalog/products/{product.pk}/reviews/").json()["results"] == []
    approve(review_id)
    assert rating_of(product) == (1, 1)


def test_a_rejected_review_stays(signed_in):
    review_id = submit(signed_in, make_product()).json()["id"]
    reject_review(review_id=review_id, actor=SYSTEM, at=timezone.now(), reason="Rude.")
    answer = signed_in.patch(f"/catalog/reviews/{review_id}/", {"rating": 1})
    assert (answer.status_code, answer.json()["code"]) == (409, "review_rejected")
    assert signed_in.delete(f"/catalog/reviews/{review_id}/").json()["code"] == "review_stays"
    assert signed_in.get(f"/catalog/reviews/{review_id}/").json()["moderation_reason"] == "Rude."


@pytest.mark.parametrize(
    ("body", "field"),
    [({"rating": 0}, "rating"), ({"text": 5}, "text"), ({"remove_images": ["x"]}, "remove_images.0")],
)
def test_a_wrong_change_is_named(signed_in, body, field):
    review_id = submit(signed_in, make_product()).json()["id"]
    answer = signed_in.patch(f"/catalog/reviews/{review_id}/", body)
    assert answer.status_code == 400
    assert set(answer.json()["errors"]) == {field}


@pytest.mark.django_db(transaction=True)
def test_pictures_come_and_go_and_never_more_than_five(signed_in, own_media):
    answer = submit_pictures(signed_in, make_product(), *[picture() for _ in range(4)])
    path = f"/catalog/reviews/{answer.json()['id']}/"
    first, second = (image["id"] for image in answer.json()["images"][:2])
    two = {"images": [picture(), picture()]}
    refused = signed_in.patch(path, two, format="multipart")
    assert refused.json()["code"] == "too_many_images"
    assert len(files(own_media)) == 4
    for image in two["images"]:
        image.seek(0)
    changed = signed_in.patch(path, two | {"remove_images": [first, second]}, format="multipart")
    assert changed.status_code == 200, changed.content
    left = [image["id"] for image in changed.json()["images"]]
    assert len(left) == 4
    assert first not in left
    assert len(files(own_media)) == 4
    assert signed_in.delete(path).status_code == 204
    assert files(own_media) == []


def test_another_reviews_picture_is_not_removed(signed_in, other, own_media):
    theirs = submit_pictures(other, make_product(), picture()).json()
    mine = submit(signed_in, make_product()).json()
    body = {"remove_images": [theirs["images"][0]["id"]]}
    assert signed_in.patch(f"/catalog/reviews/{mine['id']}/", body).status_code == 200
    assert ReviewImage.objects.count() == len(files(own_media)) == 1


def test_a_waiting_review_is_deleted_and_may_be_written_anew(signed_in):
    product = make_product()
    review_id = submit(signed_in, product).json()["id"]
    assert signed_in.delete(f"/catalog/reviews/{review_id}/").status_code == 204
    assert submit(signed_in, product).status_code == 201


def test_a_review_that_earned_is_not_deleted_even_while_it_waits_again(signed_in):
    review_id = submit(signed_in, make_product()).json()["id"]
    approve(review_id)
    assert signed_in.delete(f"/catalog/reviews/{review_id}/").status_code == 409
    signed_in.patch(f"/catalog/reviews/{review_id}/", {"text": "New."})
    answer = signed_in.delete(f"/catalog/reviews/{review_id}/")
    assert (answer.status_code, answer.json()["code"]) == (409, "review_stays")
    assert Review.objects.get().text == "New."


@pytest.mark.parametrize("status", ["pending", "approved", "rejected"])
def test_another_members_review_is_404(signed_in, status):
    review = make_review(status=status, rating=3)
    path = f"/catalog/reviews/{review.pk}/"
    for answer in (signed_in.patch(path, {"rating": 1}), signed_in.delete(path)):
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert signed_in.get(path).status_code == (200 if status == "approved" else 404)
    review.refresh_from_db()
    assert review.rating == 3


@pytest.mark.parametrize("review_id", [999999, 10**25])
def test_an_unknown_review_is_404(signed_in, review_id):
    path = f"/catalog/reviews/{review_id}/"
    assert signed_in.get(path).status_code == 404
    assert signed_in.patch(path, {"rating": 1}).status_code == 404
    assert signed_in.delete(path).status_code == 404
    assert signed_in.put(f"{path}helpful/").status_code == 404
    assert signed_in.delete(f"{path}helpful/").status_code == 404
    assert signed_in.post(f"{path}report/", {"reason": "spam"}).status_code == 404


# --- votes and reports -------------------------------------------------------------------------------------


def test_a_vote_counts_once_and_is_taken_back_once(signed_in):
    review = make_review(status="approved")
    path = f"/catalog/reviews/{review.pk}/helpful/"
    for _ in range(2):
        assert signed_in.put(path).json() == {"helpful_count": 1, "found_helpful": True}
    assert signed_in.get(f"/catalog/reviews/{review.pk}/").json()["found_helpful"] is True
    for _ in range(2):
        assert signed_in.delete(path).json() == {"helpful_count": 0, "found_helpful": False}
    assert not ReviewVote.objects.exists()


@pytest.mark.parametrize("status", ["pending", "rejected"])
def test_what_is_not_shown_is_not_voted_for_nor_reported(signed_in, status):
    review = make_review(status=status)
    assert signed_in.put(f"/catalog/reviews/{review.pk}/helpful/").status_code == 404
    report = signed_in.post(f"/catalog/reviews/{review.pk}/report/", {"reason": "spam"})
    assert report.status_code == 404
    assert not ReviewVote.objects.exists()
    assert not ReviewReport.objects.exists()


def test_a_review_of_what_is_not_sold_any_more_is_seen_by_its_author_alone(signed_in, member):
    product = make_product(is_active=False)
    review, own = make_review(product=product, status="approved"), make_review(member, product)
    assert signed_in.get(f"/catalog/reviews/{review.pk}/").status_code == 404
    assert signed_in.put(f"/catalog/reviews/{review.pk}/helpful/").status_code == 404
    report = signed_in.post(f"/catalog/reviews/{review.pk}/report/", {"reason": "spam"})
    assert report.status_code == 404
    assert signed_in.get(f"/catalog/reviews/{own.pk}/").status_code == 200


def test_ones_own_review_is_not_voted_for_nor_reported(signed_in, member):
    review = make_review(member, status="approved")
    vote = signed_in.put(f"/catalog/reviews/{review.pk}/helpful/")
    report = signed_in.post(f"/catalog/reviews/{review.pk}/report/", {"reason": "spam"})
    assert (vote.status_code, vote.json()["code"]) == (409, "own_review")
    assert (report.status_code, report.json()["code"]) == (409, "own_review")


def test_a_report_is_kept_once(signed_in, member):
    review = make_review(status="approved")
    path = f"/catalog/reviews/{review.pk}/report/"
    for reason in ("spam", "false"):
        answer = signed_in.post(path, {"reason": reason, "note": "An advertisement."})
        assert (answer.status_code, answer.json()) == (200, {"reported": True})
    report = ReviewReport.objects.get()
    assert (report.user, report.reason, report.note) == (member, "spam", "An advertisement.")


@pytest.mark.parametrize(
    ("body", "field"),
    [({}, "reason"), ({"reason": "boring"}, "reason"), ({"reason": "spam", "note": "x" * 501}, "note")],
)
def test_a_wrong_report_is_named(signed_in, body, field):
    review = make_review(status="approved")
    answer = signed_in.post(f"/catalog/reviews/{review.pk}/report/", body)
    assert answer.status_code == 400
    assert set(answer.json()["errors"]) == {field}


def test_reviews_are_ordered_and_narrowed(signed_in):
    product = make_product()
    old = make_review(product=product, status="approved", rating=5, helpful_count=9)
    new = make_review(product=product, status="approved", rating=2)
    path = f"/catalog/products/{product.pk}/reviews/"

    def ids(**query):
        return [row["id"] for row in signed_in.get(path, query).json()["results"]]

    assert ids() == [new.pk, old.pk]
    assert ids(ordering="helpful") == [old.pk, new.pk]
    assert ids(rating=2) == [new.pk]
    for query, field in (({"rating": 6}, "rating"), ({"ordering": "worst"}, "ordering")):
        assert set(signed_in.get(path, query).json()["errors"]) == {field}


def test_pages_of_reviews_hold_each_once(signed_in):
    product, now = make_product(), timezone.now()
    made = {make_review(product=product, status="approved", created_at=now).pk for _ in range(9)}
    seen, link = [], f"/catalog/products/{product.pk}/reviews/?limit=2&ordering=helpful"
    while link:
        page = signed_in.get(link).json()
        seen += [row["id"] for row in page["results"]]
        link = page["next"]
    assert len(seen) == 9
    assert set(seen) == made


def test_a_member_without_a_first_name_is_a_member(other):
    review = make_review(make_user(username="secret", last_name="Doe"), status="approved")
    assert other.get(f"/catalog/reviews/{review.pk}/").json()["author"] == "Member"
