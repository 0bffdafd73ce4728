"""The member's view of their points: translate, call, translate back."""

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.api.caller import caller_id
from core.api.paging import CursorPage
from core.api.schema import IDEMPOTENCY_KEY, refuses
from core.api.serializers import all_shown, shown
from core.idempotency import idempotency_key, run_once
from rewards.api import serializers as shapes
from rewards.models import EarningRule
from rewards.selectors import balance as balances
from rewards.selectors.explanation import explain
from rewards.selectors.history import history, line
from rewards.selectors.offers import offers
from rewards.selectors.vouchers import check_voucher, vouchers
from rewards.services.redemption import InsufficientPoints, OfferTooLow, OptionNotOffered, redeem_option


class HistoryPage(CursorPage):
    ordering = ("-effective_at", "-id")


class BalanceView(APIView):
    @extend_schema(parameters=[shapes.BalanceQuery], responses=shapes.BalanceOutput)
    def get(self, request: Request) -> Response:
        """The member's points, now or as they were at a time."""
        as_of = shapes.BalanceQuery.parse_query(request).get("as_of")
        if as_of is None:
            found = balances.balance(caller_id(request), at=timezone.now())
        else:
            found = balances.balance_as_of(caller_id(request), at=as_of)
        return Response(shown(shapes.BalanceOutput, found))


class LoyaltyStatusView(APIView):
    @extend_schema(responses=shapes.LoyaltyStatusOutput)
    def get(self, request: Request) -> Response:
        """The member's tier, and the way to the next."""
        status = balances.loyalty_status(caller_id(request), at=timezone.now())
        return Response(shown(shapes.LoyaltyStatusOutput, status))


class EarnRulesView(APIView):
    @extend_schema(responses=shapes.EarningRuleOutput(many=True))
    def get(self, request: Request) -> Response:
        """The ways to earn points."""
        return Response(all_shown(shapes.EarningRuleOutput, EarningRule.objects.filter(is_active=True)))


class RedemptionOptionsView(APIView):
    @extend_schema(responses=shapes.OfferOutput(many=True))
    def get(self, request: Request) -> Response:
        """What points buy, and whether this member can have it now."""
        return Response(all_shown(shapes.OfferOutput, offers(caller_id(request), at=timezone.now())))


class RedeemView(APIView):
    @extend_schema(
        request=shapes.RedeemInput, responses=shapes.RedemptionOutput, parameters=[IDEMPOTENCY_KEY]
    )
    @refuses(OptionNotOffered, OfferTooLow, InsufficientPoints)
    def post(self, request: Request) -> Response:
        """Turn points into a voucher, for exactly the option's price."""
        return run_once(request, lambda: self._redeem(request))

    def _redeem(self, request: Request) -> Response:
        body = shapes.RedeemInput.parse(request)
        redemption = redeem_option(
            user_id=caller_id(request),
            option_id=body["redemption_option_id"],
            offered=body["points_to_redeem"],
            at=timezone.now(),
            key=idempotency_key(request),
        )
        return Response(shown(shapes.RedemptionOutput, redemption))


class VouchersView(APIView):
    @extend_schema(parameters=[shapes.VouchersQuery], responses=shapes.OwnVoucherOutput(many=True))
    def get(self, request: Request) -> Response:
        """The member's vouchers, newest first."""
        now = timezone.now()
        status = shapes.VouchersQuery.parse_query(request).get("status")
        mine = vouchers(caller_id(request), at=now, status=status)
        return Response(shapes.OwnVoucherOutput(mine, many=True, context={"at": now}).data)


class ValidateVoucherView(APIView):
    @extend_schema(request=shapes.ValidateVoucherInput, responses=shapes.VoucherCheckOutput)
    def post(self, request: Request) -> Response:
        """Whether a code can be used, and what it takes off an order."""
        body = shapes.ValidateVoucherInput.parse(request)
        check = check_voucher(
            caller_id(request), body["code"], at=timezone.now(), order_total=body.get("order_total")
        )
        return Response(shown(shapes.VoucherCheckOutput, check))


class TransactionsView(APIView):
    @extend_schema(
        operation_id="rewards_transactions_list",
        parameters=[
            shapes.HistoryQuery,
            OpenApiParameter("limit", int, description="Rows a page: 50, at most 200."),
            OpenApiParameter("cursor", str),
        ],
        responses=shapes.TransactionPageOutput,
    )
    def get(self, request: Request) -> Response:
        """The member's history, newest first, a page at a time."""
        query = shapes.HistoryQuery.parse_query(request)
        lines = history(
            caller_id(request),
            transaction_type=query.get("type"),
            since=query.get("since"),
            before=query.get("before"),
        )
        page = HistoryPage()
        rows = page.paginate_queryset(lines, request, view=self)
        return page.get_paginated_response(all_shown(shapes.TransactionOutput, rows))


class TransactionView(APIView):
    @extend_schema(responses=shapes.ExplainedTransactionOutput)
    def get(self, request: Request, transaction_id: int) -> Response:
        """One line of the history, and why it is there."""
        found = line(caller_id(request), transaction_id)
        answer = shown(shapes.TransactionOutput, found)
        why = shown(shapes.ExplanationOutput, explain(found, at=timezone.now()))
        return Response({**answer, "why": why})


class ExpiringView(APIView):
    @extend_schema(responses=shapes.ExpiringOutput(many=True))
    def get(self, request: Request) -> Response:
        """How many points go on which day, soonest first."""
        found = balances.expiring(caller_id(request), at=timezone.now())
        return Response(all_shown(shapes.ExpiringOutput, found))
