"""Views that do one thing each, for the tests of what all views share."""

import time
from typing import Any

from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.http import Http404
from django.urls import include, path
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.urls import urlpatterns as real_patterns
from core import audit
from core.api.fields import Money, RowId
from core.api.paging import CursorPage
from core.api.schema import refuses
from core.api.serializers import Input
from core.contracts import SYSTEM
from core.errors import DomainError
from core.idempotency import run_once
from core.models import AuditEntry


class OutOfStock(DomainError):
    code, status, title = "out_of_stock", 409, "Out of stock"


class LineInput(Input):
    sku = serializers.CharField(max_length=10)
    qty = serializers.IntegerField(min_value=1, max_value=99)


class BasketInput(Input):
    id = RowId()
    price = Money(min_value=0)
    lines = LineInput(many=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["id"] == 13:
            raise serializers.ValidationError("Thirteen is refused as a whole.")
        return attrs


class SearchInput(Input):
    limit = serializers.IntegerField(min_value=1, max_value=10)


class BasketView(APIView):
    authentication_classes = []
    permission_classes = [AllowAny]

    @extend_schema(request=BasketInput, responses=BasketInput)
    @refuses(OutOfStock)
    def post(self, request: Request) -> Response:
        body = BasketInput.parse(request)
        return Response({"id": body["id"], "price": str(body["price"])})

    def get(self, request: Request) -> Response:
        return Response(SearchInput.parse_query(request))


class RaiseView(APIView):
    authentication_classes = []
    permission_classes = [AllowAny]
    raises: dict[str, Exception] = {
        "domain": OutOfStock("Two are left.", left=2),
        "http404": Http404("No order matches the query"),
        "forbidden": PermissionDenied(),
        "throttled": exceptions.Throttled(wait=7),
        "unavailable": exceptions.APIException(),
        "suspicious": SuspiciousOperation("the secret reason"),
        "bug": ZeroDivisionError("secret 42"),
    }

    def get(self, request: Request, what: str) -> Response:
        raise self.raises[what]


class SignedInView(APIView):
    def get(self, request: Request) -> Response:
        return Response({})


class OnceView(APIView):
    """Writes one audit entry a call, as its body asks: slowly, or then refusing."""

    permission_classes = [AllowAny]

    def post(self, request: Request, pk: int = 0) -> Response:
        return run_once(request, lambda: self._work(request.data))

    def _work(self, body: Any) -> Response:
        entry = audit.record(actor=SYSTEM, action="once", target="probe", before={}, after={})
        time.sleep(body.get("seconds", 0))
        if body.get("raise"):
            raise OutOfStock
        return Response(
            {"z": entry.pk, "a": "1.50"}, status=body.get("status", 201), headers={"Location": f"/{entry.pk}"}
        )


class EntryPage(CursorPage):
    ordering = ("-created_at", "-id")
    page_size = 3


class EntriesView(APIView):
    authentication_classes = []
    permission_classes = [AllowAny]

    def get(self, request: Request) -> Response:
        page = EntryPage()
        rows = page.paginate_queryset(AuditEntry.objects.all(), request, self)
        return page.get_paginated_response([row.pk for row in rows])


_probes = [
    path("basket/", BasketView.as_view()),
    path("raise/<str:what>/", RaiseView.as_view()),
    path("signed-in/", SignedInView.as_view()),
    path("once/", OnceView.as_view()),
    path("once/<int:pk>/", OnceView.as_view()),
    path("entries/", EntriesView.as_view()),
]

urlpatterns = [
    path("probe/", include(_probes)),
    path("api/v1/probe/", include(_probes)),
    *real_patterns,
]
handler400 = "core.api.problems.bad_request"
handler403 = "core.api.problems.permission_denied"
handler404 = "core.api.problems.page_not_found"
handler500 = "core.api.problems.server_error"
