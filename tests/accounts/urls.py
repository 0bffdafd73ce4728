"""Views for keys, for the tests of keys."""

from typing import Any

from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.facade import ApiKeyAuthentication, HasScope
from config.urls import urlpatterns as real_patterns
from core import audit
from core.idempotency import run_once


class ShopView(APIView):
    authentication_classes = [ApiKeyAuthentication]
    permission_classes = [HasScope]
    scope = {"GET": "members:read", "POST": "points:write"}

    def get(self, request: Request) -> Response:
        return Response({"shop": request.auth.shop, "caller": request.auth.caller})

    def post(self, request: Request) -> Response:
        return run_once(request, lambda: self._work(request))

    def _work(self, request: Request) -> Response:
        nothing: dict[str, Any] = {}
        entry = audit.record(
            actor=request.auth.actor, action="probe", target="probe", before=nothing, after=nothing
        )
        return Response({"entry": entry.pk})


class MistakenView(ShopView):
    scope = "nobody:knows"


urlpatterns = [
    path("probe/shop/", ShopView.as_view()),
    path("probe/mistaken/", MistakenView.as_view()),
    *real_patterns,
]
