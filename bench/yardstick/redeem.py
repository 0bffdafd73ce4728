"""Redeeming by hand: the project's statements by cursor, for a member whose tier and lots are as posted."""

import secrets
from datetime import datetime, time, timedelta
from typing import Any

from django.db import connection, transaction
from django.utils import timezone
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from bench.yardstick import statements
from bench.yardstick.balance import NotByHand
from bench.yardstick.checkout import TIERS_LOCK, TokenAuthentication

_ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"


class RedeemView(APIView):
    authentication_classes = [TokenAuthentication]

    def post(self, request: Request) -> Response:
        option_id, offered = _wanted(request.data)
        with transaction.atomic(), connection.cursor() as cursor:
            return Response(_redeem(cursor, request.user.id, option_id, offered, timezone.now()))


def _wanted(body: Any) -> tuple[str, int]:
    if not isinstance(body, dict):
        raise ValidationError({"body": "Expected an object."})
    option_id, offered = body.get("redemption_option_id"), body.get("points_to_redeem")
    if not isinstance(option_id, str) or not 0 < len(option_id) <= 50:
        raise ValidationError({"redemption_option_id": "Expected an option's id."})
    if type(offered) is not int or not 0 <= offered <= 1_000_000_000:
        raise ValidationError({"points_to_redeem": "Expected a whole number."})
    return option_id, offered


def _redeem(cursor: Any, user_id: int, option_id: str, offered: int, at: datetime) -> dict[str, Any]:
    statements.ACCOUNT.execute(cursor, [TIERS_LOCK, user_id])
    ((_, current, pending, lifetime, debt, tier_id, settled_at),) = cursor.fetchall()
    at = max(at, settled_at or at)
    statements.LOTS.execute(cursor, [user_id, at, offered, user_id, at, at])
    lots = cursor.fetchall()
    if any(not lot[6] or (lot[5] is not None and lot[5] <= at) for lot in lots):
        raise NotByHand
    statements.TERMS_OF_OPTION.execute(cursor, [option_id])
    row = cursor.fetchone()
    basis, voucher_days, tiers = row[0], row[4], row[7]
    found, kind, name, price, value, category_id, min_tier_id = row[10], row[11], row[12], *row[14:18]
    if basis != "lifetime":
        raise NotByHand
    tier = next((one for one in reversed(tiers) if one["min_points"] <= lifetime), None)
    least = next((one["min_points"] for one in tiers if one["id"] == min_tier_id), 0)
    if found is None or least > (tier["min_points"] if tier else 0):
        raise ValidationError({"redemption_option_id": "Not offered."})
    if offered < price:
        raise ValidationError({"points_to_redeem": "Too low."})
    if current < price:
        raise ValidationError({"points_to_redeem": "Insufficient."})
    if tier is None or tier["id"] != tier_id:
        raise NotByHand

    zone = timezone.get_default_timezone()
    last_day = at.astimezone(zone).date() + timedelta(days=voucher_days + 1)
    expires_at = datetime.combine(last_day, time.min, tzinfo=zone)
    voucher_id = f"V{secrets.token_hex(8)}"
    voucher = [voucher_id, user_id, option_id, "", kind, value, category_id, "available", expires_at, at]
    while True:
        voucher[3] = "".join(secrets.choice(_ALPHABET) for _ in range(12))
        cursor.execute(statements.VOUCHER, voucher)
        if cursor.rowcount:
            break

    drawn: list[tuple[int, int, str, int]] = []
    left = price
    if sum(lot[2] for lot in lots) < left:
        raise NotByHand  # more lots than were looked at
    for lot in sorted(lots, key=lambda lot: (lot[5] is None, lot[5], lot[3], lot[8])):
        taken = min(left, lot[2])
        drawn.append((lot[8], lot[2] - taken, lot[7], taken))
        left -= taken
        if not left:
            break
    entry = {
        "user_id": user_id,
        "natural_key": f"voucher:{voucher_id}:redeem",
        "transaction_type": "redeemed",
        "points": -price,
        "lifetime_points": 0,
        "description": f"Redeemed: {name}",
        "effective_at": at.isoformat(),
        "order_id": None,
        "voucher_id": voucher_id,
        "related_id": None,
        "metadata": {"option": option_id, "option_name": name, "points_required": price},
    }
    balance = {
        "user_id": user_id,
        "current_points": current - price,
        "pending_points": pending,
        "lifetime_points": lifetime,
        "debt_points": debt,
        "tier_id": tier_id,
        "settled_at": at.isoformat(),
    }
    statements.SPEND.execute(cursor, statements.spend_parameters(entry, drawn, balance))
    return {
        "voucher": {
            "id": voucher_id,
            "code": voucher[3],
            "type": kind,
            "value": str(value),
            "expires_at": expires_at.isoformat(),
        },
        "points_deducted": price,
        "new_balance": current - price,
    }
