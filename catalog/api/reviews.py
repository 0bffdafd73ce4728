"""What members say of products: translate, call, translate back."""

from django.conf import settings
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.api import review_serializers as shapes
from catalog.api.views import PAGING, NewestPage
from catalog.selectors.products import ProductNotShown
from catalog.selectors.reviews import (
    ReviewNotShown,
    review_seen_by,
    reviews_of_member,
    reviews_of_product,
)
from catalog.services import reviews as services
from catalog.services.opinions import OwnReview, find_helpful, report_review
from core.api.caller import caller_id
from core.api.paging import CursorPage
from core.api.parsers import StrictJSONParser
from core.api.schema import refuses
from core.api.serializers import shown

# The pictures, and the text and boundaries around them.
_BODY_BYTES = services.MOST_IMAGES * settings.MAX_IMAGE_BYTES + 64 * 1024


class HelpfulPage(CursorPage):
    ordering = ("-helpful_count", "-id")


class ProductReviewsView(APIView):
    max_body_bytes = _BODY_BYTES
    parser_classes = [StrictJSONParser, MultiPartParser]

    @extend_schema(
        operation_id="catalog_product_reviews_list",
        parameters=[shapes.ReviewsQuery, *PAGING],
        responses=shapes.ReviewsPageOutput,
    )
    @refuses(ProductNotShown)
    def get(self, request: Request, product_id: int) -> Response:
        """A product's approved reviews, a page at a time."""
        query = shapes.ReviewsQuery.parse_query(request)
        shown = reviews_of_product(product_id, user_id=caller_id(request), rating=query.get("rating"))
        page = HelpfulPage() if query["ordering"] == "helpful" else NewestPage()
        rows = page.paginate_queryset(shown, request, view=self)
        return page.get_paginated_response(
            shapes.ReviewOutput(rows, many=True, context={"request": request}).data
        )

    @extend_schema(
        operation_id="catalog_product_reviews_create",
        request=shapes.ReviewInput,
        responses={201: shapes.OwnReviewOutput},
    )
    @refuses(services.ProductNotFound, services.AlreadyReviewed, services.TooManyImages)
    def post(self, request: Request, product_id: int) -> Response:
        """Review a product; it shows once a moderator has approved it."""
        body = shapes.ReviewInput.parse(request)
        review = services.submit_review(
            user_id=caller_id(request), product_id=product_id, at=timezone.now(), **body
        )
        return _own(request, review.pk, status=201)


class OwnReviewsView(APIView):
    @extend_schema(
        operation_id="catalog_reviews_own", parameters=PAGING, responses=shapes.OwnReviewsPageOutput
    )
    def get(self, request: Request) -> Response:
        """The member's own reviews, whatever became of them."""
        page = NewestPage()
        rows = page.paginate_queryset(reviews_of_member(caller_id(request)), request, view=self)
        return page.get_paginated_response(
            shapes.OwnReviewOutput(rows, many=True, context={"request": request}).data
        )


class ReviewView(APIView):
    max_body_bytes = _BODY_BYTES
    parser_classes = [StrictJSONParser, MultiPartParser]

    @extend_schema(operation_id="catalog_review", responses=shapes.ReviewOutput)
    @refuses(ReviewNotShown)
    def get(self, request: Request, review_id: int) -> Response:
        """One review that is shown; of one's own, also where it stands."""
        review = review_seen_by(caller_id(request), review_id)
        shape = shapes.OwnReviewOutput if review.user_id == caller_id(request) else shapes.ReviewOutput
        return Response(shape(review, context={"request": request}).data)

    @extend_schema(
        operation_id="catalog_review_edit", request=shapes.ReviewChanges, responses=shapes.OwnReviewOutput
    )
    @refuses(services.ReviewNotFound, services.ReviewRejected, services.TooManyImages)
    def patch(self, request: Request, review_id: int) -> Response:
        """Change one's own review; one that was approved waits for a moderator again."""
        body = shapes.ReviewChanges.parse(request)
        services.edit_review(
            user_id=caller_id(request),
            review_id=review_id,
            rating=body.get("rating"),
            text=body.get("text"),
            images=body["images"],
            without_images=body["remove_images"],
            at=timezone.now(),
        )
        return _own(request, review_id)

    @extend_schema(operation_id="catalog_review_delete", responses={204: None})
    @refuses(services.ReviewNotFound, services.ReviewStays)
    def delete(self, request: Request, review_id: int) -> Response:
        """Delete one's own review while it waits for its first moderation."""
        services.withdraw_review(user_id=caller_id(request), review_id=review_id)
        return Response(status=204)


class HelpfulView(APIView):
    @extend_schema(operation_id="catalog_review_helpful", request=None, responses=shapes.HelpfulOutput)
    @refuses(services.ReviewNotFound, OwnReview)
    def put(self, request: Request, review_id: int) -> Response:
        """Say that another member's review helped."""
        return self._vote(request, review_id, helpful=True)

    @extend_schema(operation_id="catalog_review_not_helpful", responses=shapes.HelpfulOutput)
    @refuses(services.ReviewNotFound, OwnReview)
    def delete(self, request: Request, review_id: int) -> Response:
        """Take that back."""
        return self._vote(request, review_id, helpful=False)

    def _vote(self, request: Request, review_id: int, *, helpful: bool) -> Response:
        count = find_helpful(user_id=caller_id(request), review_id=review_id, helpful=helpful)
        return Response(shown(shapes.HelpfulOutput, {"helpful_count": count, "found_helpful": helpful}))


class ReportView(APIView):
    @extend_schema(
        operation_id="catalog_review_report", request=shapes.ReportInput, responses=shapes.ReportOutput
    )
    @refuses(services.ReviewNotFound, OwnReview)
    def post(self, request: Request, review_id: int) -> Response:
        """Tell the moderators about a review; a second time changes nothing."""
        body = shapes.ReportInput.parse(request)
        report_review(user_id=caller_id(request), review_id=review_id, **body)
        return Response(shown(shapes.ReportOutput, {"reported": True}))


def _own(request: Request, review_id: int, *, status: int = 200) -> Response:
    """Answer with a review of the caller's as it now is."""
    review = review_seen_by(caller_id(request), review_id)
    return Response(shapes.OwnReviewOutput(review, context={"request": request}).data, status=status)
