"""The member's checkout and orders: translate, call, translate back."""

from django.conf import settings
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.facade import OutOfStock
from core.api.caller import caller_id
from core.api.paging import CursorPage
from core.api.schema import IDEMPOTENCY_KEY, refuses
from core.api.serializers import all_shown, shown
from core.contracts import Actor
from core.idempotency import idempotency_key, run_once
from orders import ports
from orders.api import serializers as shapes
from orders.selectors import member_order, member_orders, member_return_requests
from orders.services.baskets import (
    BasketTooDear,
    BelowMinimum,
    ProductsNotForSale,
    TooManyPieces,
    VoucherTakesNothingOff,
    merged,
)
from orders.services.cancelling import TooLateToCancel, cancel_own_order
from orders.services.checkout import order_basket, order_quote
from orders.services.locking import AnotherShopsOrder
from orders.services.placing import UnknownProducts
from orders.services.quoting import QuoteChanged, QuoteExpired, QuoteInvalid, quote_basket
from orders.services.return_requests import (
    MOST_PICTURES,
    ReturnAskedAlready,
    ReturnDecidedAlready,
    TooManyPictures,
    add_return_pictures,
    request_return,
)
from orders.services.returns import LineNotInOrder, OrderNotReturnable, ReturnBeyondBought

BASKET_REFUSALS = (
    TooManyPieces,
    UnknownProducts,
    ProductsNotForSale,
    OutOfStock,
    BelowMinimum,
    BasketTooDear,
    VoucherTakesNothingOff,
)


class OrdersPage(CursorPage):
    ordering = ("-placed_at", "-id")


class QuoteView(APIView):
    @extend_schema(request=shapes.QuoteInput, responses=shapes.QuoteOutput)
    @refuses(*BASKET_REFUSALS, and_those=ports.refusals)
    def post(self, request: Request) -> Response:
        """What a basket costs now, line by line, and a token to order it for that price."""
        body = shapes.QuoteInput.parse(request)
        quote = quote_basket(
            user_id=caller_id(request),
            lines=shapes.lines_of(body),
            wish=shapes.wish_of(body),
            at=timezone.now(),
        )
        return Response(shapes.quote_answer(quote))


class OrdersView(APIView):
    @extend_schema(
        operation_id="orders_list",
        parameters=[
            shapes.OrdersQuery,
            OpenApiParameter("limit", int, description="Rows a page: 50, at most 200."),
            OpenApiParameter("cursor", str),
        ],
        responses=shapes.OrderPageOutput,
    )
    def get(self, request: Request) -> Response:
        """The member's orders, newest first, a page at a time."""
        query = shapes.OrdersQuery.parse_query(request)
        page = OrdersPage()
        mine = member_orders(caller_id(request), status=query.get("status"))
        rows = page.paginate_queryset(mine, request, view=self)
        return page.get_paginated_response(all_shown(shapes.OrderOutput, rows))

    @extend_schema(
        request=shapes.OrderInput, responses={201: shapes.MadeOrderOutput}, parameters=[IDEMPOTENCY_KEY]
    )
    @refuses(*BASKET_REFUSALS, QuoteInvalid, QuoteExpired, QuoteChanged, and_those=ports.refusals)
    def post(self, request: Request) -> Response:
        """Order a basket at the prices of now, or what was quoted for the quoted price."""
        return run_once(request, lambda: self._order(request))

    def _order(self, request: Request) -> Response:
        body = shapes.OrderInput.parse(request)
        user_id, actor, now = caller_id(request), Actor.of(request.user), timezone.now()
        if "quote_token" in body:
            made = order_quote(user_id=user_id, token=body["quote_token"], actor=actor, at=now)
        else:
            made = order_basket(
                user_id=user_id,
                lines=shapes.lines_of(body),
                wish=shapes.wish_of(body),
                actor=actor,
                at=now,
                key=idempotency_key(request),
            )
        answer = {
            **shown(shapes.OrderOutput, made.order),
            "lines": all_shown(shapes.OrderLineOutput, made.items),
        }
        return Response(answer, status=201)


class OrderView(APIView):
    @extend_schema(operation_id="orders_retrieve", responses=shapes.OrderDetailOutput)
    def get(self, request: Request, order_id: int) -> Response:
        """One order with its lines, its way so far, and its returns."""
        return Response(shown(shapes.OrderDetailOutput, member_order(caller_id(request), order_id)))


class CancelView(APIView):
    @extend_schema(
        request=shapes.CancelInput, responses=shapes.OrderDetailOutput, parameters=[IDEMPOTENCY_KEY]
    )
    @refuses(AnotherShopsOrder, TooLateToCancel)
    def post(self, request: Request, order_id: int) -> Response:
        """Cancel an order that nobody has begun to pack; voucher, points and stock are free again."""
        return run_once(request, lambda: self._cancel(request, order_id))

    def _cancel(self, request: Request, order_id: int) -> Response:
        body = shapes.CancelInput.parse(request)
        user_id = caller_id(request)
        cancel_own_order(
            user_id=user_id,
            order_id=order_id,
            actor=Actor.of(request.user),
            at=timezone.now(),
            reason=body["reason"],
        )
        return Response(shown(shapes.OrderDetailOutput, member_order(user_id, order_id)))


class ReturnRequestsView(APIView):
    @extend_schema(operation_id="orders_returns_list", responses=shapes.ReturnRequestOutput(many=True))
    def get(self, request: Request, order_id: int) -> Response:
        """What the member asked to send back of an order, newest first."""
        user_id = caller_id(request)
        member_order(user_id, order_id)
        asked = member_return_requests(user_id, order_id=order_id)
        return Response(shapes.ReturnRequestOutput(asked, many=True, context={"request": request}).data)

    @extend_schema(
        request=shapes.ReturnRequestInput,
        responses={201: shapes.ReturnRequestOutput},
        parameters=[IDEMPOTENCY_KEY],
    )
    @refuses(AnotherShopsOrder, ReturnAskedAlready, OrderNotReturnable, LineNotInOrder, ReturnBeyondBought)
    def post(self, request: Request, order_id: int) -> Response:
        """Ask to send lines back; staff accept or refuse it."""
        return run_once(request, lambda: self._ask(request, order_id))

    def _ask(self, request: Request, order_id: int) -> Response:
        body = shapes.ReturnRequestInput.parse(request)
        asked = request_return(
            user_id=caller_id(request),
            order_id=order_id,
            lines=merged((line["line_id"], line["qty"]) for line in body["lines"]),
            reason=body["reason"],
            at=timezone.now(),
        )
        return Response(shapes.ReturnRequestOutput(asked, context={"request": request}).data, status=201)


class ReturnPicturesView(APIView):
    max_body_bytes = MOST_PICTURES * settings.MAX_IMAGE_BYTES + 64 * 1024
    parser_classes = [MultiPartParser]

    @extend_schema(
        request={"multipart/form-data": shapes.PicturesInput}, responses={201: shapes.ReturnRequestOutput}
    )
    @refuses(AnotherShopsOrder, ReturnDecidedAlready, TooManyPictures)
    def post(self, request: Request, order_id: int, request_id: int) -> Response:
        """Add pictures to a return that staff have not yet decided about."""
        body = shapes.PicturesInput.parse(request)
        asked = add_return_pictures(
            user_id=caller_id(request), order_id=order_id, request_id=request_id, images=body["pictures"]
        )
        answer = shapes.ReturnRequestOutput(asked, context={"request": request}).data
        return Response(answer, status=201)
