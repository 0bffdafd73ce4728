"""A member's points for the shop's system, by API key.

Every shop of the programme sees every member who has an external id: it is one programme. Members who only
ever signed up in the app have none, and are nobody here.
"""

from typing import Any, ClassVar

from django.contrib.auth import get_user_model
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.facade import ApiKeyAuthentication, HasScope, ShopKeyNeeded, shop_of
from core.api.schema import IDEMPOTENCY_KEY, refuses
from core.api.serializers import shown
from core.errors import NotFound
from core.idempotency import run_once
from rewards.api import shop_serializers as shapes
from rewards.api.serializers import BalanceOutput, LoyaltyStatusOutput
from rewards.selectors.balance import balance, loyalty_status
from rewards.services.adjustment import AdjustmentKeyReused, AdjustmentOutOfRange, adjust_points


def member_id(external_id: str) -> int:
    """Return the user id of a member.

    Raises:
        NotFound: nobody has this external id.
    """
    # PostgreSQL has no NUL in its texts; a path may.
    found = get_user_model().objects.filter(external_id=external_id) if "\0" not in external_id else None
    user_id = found.values_list("pk", flat=True).first() if found is not None else None
    if user_id is None:
        raise NotFound("There is no such member.")
    return int(user_id)


class ShopMemberView(APIView):
    authentication_classes = [ApiKeyAuthentication]
    permission_classes = [HasScope]
    scope: ClassVar[str] = "members:read"

    @extend_schema(operation_id="shop_member", tags=["shop"], responses=shapes.ShopMemberOutput)
    @refuses(NotFound)
    def get(self, request: Request, external_id: str) -> Response:
        """A member's points and tier."""
        user_id, now = member_id(external_id), timezone.now()
        points: dict[str, Any] = shown(BalanceOutput, balance(user_id, at=now))
        tier: dict[str, Any] = shown(LoyaltyStatusOutput, loyalty_status(user_id, at=now))
        return Response({"external_id": external_id, **points, **tier})


class ShopPointsView(APIView):
    authentication_classes = [ApiKeyAuthentication]
    permission_classes = [HasScope]
    scope: ClassVar[str] = "points:write"

    @extend_schema(
        operation_id="shop_member_points",
        tags=["shop"],
        parameters=[IDEMPOTENCY_KEY],
        request=shapes.ShopPointsInput,
        responses=shapes.ShopPointsOutput,
    )
    @refuses(NotFound, AdjustmentOutOfRange, AdjustmentKeyReused, ShopKeyNeeded)
    def post(self, request: Request, external_id: str) -> Response:
        """Add or take points, once for each `key`; what a taking finds no points for becomes debt."""
        return run_once(request, lambda: self._adjust(request, external_id))

    def _adjust(self, request: Request, external_id: str) -> Response:
        shop, key = shop_of(request)
        body = shapes.ShopPointsInput.parse(request)
        adjusted = adjust_points(
            user_id=member_id(external_id),
            points=body["points"],
            reason=body["reason"],
            key=f"{shop}:{body['key']}",
            actor=key.actor,
            at=timezone.now(),
        )
        named = {"external_id": external_id, "key": body["key"], "points": body["points"]}
        return Response(shown(shapes.ShopPointsOutput, named | adjusted.after))
