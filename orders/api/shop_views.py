"""The shop's side: its system tells of orders and returns with an API key, and sees its own shop's alone."""

from collections import Counter
from typing import Any, ClassVar

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.facade import (
    ApiKeyAuthentication,
    HasScope,
    MembersDisagree,
    MemberUnknown,
    ShopKeyNeeded,
    shop_of,
)
from core.api.problems import printable, problem_of
from core.api.schema import IDEMPOTENCY_KEY, refuses
from core.api.serializers import shown
from core.idempotency import run_once
from orders.api import shop_serializers as shapes
from orders.services.returns import (
    LineNotInOrder,
    OrderNotReturnable,
    ReturnBeyondBought,
    ReturnReferenceTaken,
)
from orders.services.shop_new import OrderIncomplete, TimesDisagree
from orders.services.shop_orders import put_order, put_orders
from orders.services.shop_returns import TakenBack
from orders.services.shop_updates import OrderFixed, OrderOfAnotherMember
from orders.services.shop_waiting import take_shop_return
from orders.services.steps import StepNotAllowed
from orders.shop_rules import ShopOrder
from orders.shop_selectors import shop_order


class ShopView(APIView):
    """A call by the key of one shop."""

    authentication_classes = [ApiKeyAuthentication]
    permission_classes = [HasScope]
    scope: ClassVar[str] = "orders:write"


class ShopOrderView(ShopView):
    @extend_schema(
        operation_id="shop_order_put",
        tags=["shop"],
        request=shapes.ShopOrderInput,
        responses={200: shapes.ShopOrderOutput, 201: shapes.ShopOrderOutput},
    )
    @refuses(
        OrderIncomplete,
        TimesDisagree,
        MemberUnknown,
        MembersDisagree,
        OrderOfAnotherMember,
        OrderFixed,
        StepNotAllowed,
        ShopKeyNeeded,
    )
    def put(self, request: Request, number: str) -> Response:
        """Make an order, or bring it to what is told: 201 when it is new, 200 when it was there.

        Sent again it changes nothing. What is left out of an order that is there stays as it is.
        """
        shop, key = shop_of(request)
        reader = shapes.OrderReader(shop)
        told = reader.order(reader.number(number), request.data)
        outcome = put_order(shop, told, actor=key.actor, at=timezone.now())
        answer = shown(shapes.ShopOrderOutput, shop_order(shop, told.number))
        return Response(answer, status=201 if outcome.status == "created" else 200)


class ShopBatchView(ShopView):
    max_body_bytes: ClassVar[int] = 8 * 1024 * 1024

    @extend_schema(
        operation_id="shop_orders_batch",
        tags=["shop"],
        parameters=[IDEMPOTENCY_KEY],
        request=shapes.ShopBatchShape,
        responses=shapes.ShopBatchOutput,
    )
    @refuses(ShopKeyNeeded)
    def post(self, request: Request) -> Response:
        """Do the same for up to 500 orders, each answered by itself: a bad one does not hurt the others."""
        return run_once(request, lambda: self._put_all(request))

    def _put_all(self, request: Request) -> Response:
        shop, key = shop_of(request)
        reader = shapes.OrderReader(shop)
        results: list[dict[str, Any]] = []
        told: list[tuple[int, ShopOrder]] = []
        for index, sent in enumerate(shapes.ShopBatchInput.parse(request)["orders"]):
            results.append({"index": index, "number": _number_of(sent)})
            try:
                told.append((index, reader.numbered(sent)))
            except ValidationError as error:
                results[index] |= {"status": "refused", "problem": problem_of(error)}
        outcomes = put_orders(shop, [order for _, order in told], actor=key.actor, at=timezone.now())
        for (index, _), outcome in zip(told, outcomes, strict=True):
            results[index]["status"] = outcome.status
            if outcome.problem is not None:
                results[index]["problem"] = problem_of(outcome.problem)
        counts = Counter(result["status"] for result in results)
        return Response({**{name: counts[name] for name in shapes.OUTCOMES}, "results": results})


def _number_of(sent: Any) -> str | None:
    number = sent.get("number") if isinstance(sent, dict) else None
    return printable(number) if isinstance(number, str) else None


class ShopReturnsView(ShopView):
    @extend_schema(
        operation_id="shop_return",
        tags=["shop"],
        parameters=[IDEMPOTENCY_KEY],
        request=shapes.ShopReturnInput,
        responses={200: shapes.ShopReturnOutput, 201: shapes.ShopReturnOutput, 202: shapes.ShopReturnOutput},
    )
    @refuses(ReturnReferenceTaken, OrderNotReturnable, LineNotInOrder, ReturnBeyondBought, ShopKeyNeeded)
    def post(self, request: Request, number: str) -> Response:
        """Take goods back: 201, 200 when it was done before, and 202 when it waits for the delivery."""
        return run_once(request, lambda: self._take_back(request, number))

    def _take_back(self, request: Request, number: str) -> Response:
        shop, key = shop_of(request)
        now = timezone.now()
        read = shapes.ShopReturnInput.parse(request)
        told = shapes.told_return(shapes.OrderReader(shop).number(number), read, now=now)
        taken = take_shop_return(shop, told, actor=key.actor, at=now)
        answer = {"number": told.number, "return_id": told.return_id}
        if taken.applied is None:
            waiting: dict[str, Any] = {"status": "waiting", "order_status": None, "lines": [], "at": told.at}
            return Response(shown(shapes.ShopReturnOutput, answer | waiting), status=202)
        return Response(
            shown(shapes.ShopReturnOutput, answer | _applied(taken)), status=201 if taken.is_new else 200
        )


def _applied(taken: TakenBack) -> dict[str, Any]:
    made = taken.applied
    assert made is not None
    made.order.refresh_from_db(fields=["status"])
    return {
        "status": "applied",
        "order_status": made.order.status,
        "lines": list(made.lines.select_related("item").order_by("item__position")),
        "at": made.at,
    }
