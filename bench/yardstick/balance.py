"""A balance by hand, and a view that does nothing."""

from datetime import timedelta

from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from bench.yardstick import statements
from bench.yardstick.checkout import TokenAuthentication

_SOON = timedelta(days=30)
_NOTHING = {
    "current_points": 0,
    "pending_points": 0,
    "lifetime_points": 0,
    "debt_points": 0,
    "points_expiring_soon": 0,
    "expiry_date": None,
}


class NotByHand(APIException):
    """What the project's view works out and the one by hand does not, such as points that just expired."""

    status_code = 501


class BalanceView(APIView):
    authentication_classes = [TokenAuthentication]

    def get(self, request: Request) -> Response:
        now = timezone.now()
        with connection.cursor() as cursor:
            statements.POINTS.execute(cursor, [now + _SOON, now, request.user.id])
            rows = cursor.fetchall()
        if not rows:
            return Response(_NOTHING)
        current, pending, lifetime, debt = rows[0][:4]
        soon, first = 0, None
        for row in rows:
            remaining, expires_at, matured, lot_id = row[6], row[9], row[10], row[11]
            if lot_id is None:
                continue
            if not matured or expires_at <= now:
                raise NotByHand
            soon += remaining
            first = expires_at if first is None else min(first, expires_at)
        last_day = None if first is None else timezone.localdate(first - timedelta(microseconds=1))
        return Response(
            {
                "current_points": current,
                "pending_points": pending,
                "lifetime_points": lifetime,
                "debt_points": debt,
                "points_expiring_soon": soon,
                "expiry_date": last_day,
            }
        )


def bare(request: HttpRequest) -> HttpResponse:
    """Answer what a balance looks like."""
    return HttpResponse(
        b'{"current_points":10000,"pending_points":0,"lifetime_points":10000,"debt_points":0,'
        b'"points_expiring_soon":10000,"expiry_date":"2026-12-09"}',
        content_type="application/json",
    )
