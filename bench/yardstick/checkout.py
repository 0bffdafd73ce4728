"""Quoting and ordering by hand: plain dicts, whole cents, and the project's statements by cursor.

It answers what the project's endpoints answer for lines and points, to the byte, and knows neither vouchers
nor idempotency keys, nor points that are just maturing.
"""

import secrets
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, Decimal
from typing import Any, NamedTuple

import jwt
from django.conf import settings
from django.core import signing
from django.db import connection, transaction
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import APIException, AuthenticationFailed, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from bench.yardstick import statements

TIERS_LOCK = 0x7469657273
_TOKENS_VALID_FROM = 19  # among the columns of a user
_REQUIRED = {"require": ["sub", "iat", "exp", "jti", "typ"]}
_LETTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"


class Refused(APIException):
    status_code = 409


class Caller(NamedTuple):
    """Who sent the token."""

    id: int
    is_authenticated: bool = True


class TokenAuthentication(BaseAuthentication):
    """The signature, the claims, and one query of the user."""

    def authenticate(self, request: Request) -> tuple[Caller, None] | None:
        scheme, _, token = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        try:
            claims = jwt.decode(token, settings.SECRET_KEY, algorithms=["HS256"], options=_REQUIRED)
            user_id = int(claims["sub"])
        except (jwt.PyJWTError, ValueError) as error:
            raise AuthenticationFailed from error
        if claims["typ"] != "access":
            raise AuthenticationFailed
        with connection.cursor() as cursor:
            statements.USER.execute(cursor, [user_id])
            row = cursor.fetchone()
        if row is None:
            raise AuthenticationFailed
        ended = row[_TOKENS_VALID_FROM]
        if ended is not None and claims["iat"] <= ended.timestamp():
            raise AuthenticationFailed
        return Caller(user_id), None

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class QuoteView(APIView):
    authentication_classes = [TokenAuthentication]

    def post(self, request: Request) -> Response:
        pieces, points = _wanted(request.data)
        now = timezone.now()
        with connection.cursor() as cursor:
            basket = _priced(cursor, request.user.id, pieces, points, now)
        expires_at = (now + timedelta(minutes=basket["quote_minutes"])).replace(microsecond=0)
        sums, lines = basket["sums"], basket["lines"]
        amounts = [sums[name] for name in _SUMS] + [str(sums["points_used"])]
        amounts.append("true" if sums["tax_included"] else "false")
        for line in lines:
            amounts += line["unit_price"], line["discount"], line["points_value"], line["tax"]
        content = {
            "k": secrets.token_urlsafe(12),
            "u": request.user.id,
            "l": list(pieces.items()),
            "v": "",
            "p": sums["points_used"],
            "a": amounts,
            "x": int(expires_at.timestamp()),
        }
        applied = []
        if sums["points_used"]:
            applied = [{"kind": "points", "code": "", "amount": sums["points_value"], "label": "Points"}]
            for line in lines:
                line["shares"] = [{"kind": "points", "code": "", "amount": line["points_value"]}]
        else:
            for line in lines:
                line["shares"] = []
        return Response(
            {
                **sums,
                "lines": lines,
                "applied": applied,
                "quote_token": signing.dumps(content, salt="orders.quote", compress=True),
                "expires_at": _shown(expires_at),
            }
        )


class OrderView(APIView):
    authentication_classes = [TokenAuthentication]

    def post(self, request: Request) -> Response:
        pieces, points = _wanted(request.data)
        with transaction.atomic(), connection.cursor() as cursor:
            return Response(_order(cursor, request.user.id, pieces, points, timezone.now()), status=201)


_SUMS = ("subtotal", "discount", "voucher_discount", "points_value", "shipping", "tax", "total")


def _wanted(body: Any) -> tuple[dict[int, int], int]:
    if not isinstance(body, dict):
        raise ValidationError({"body": "Expected an object."})
    lines, points = body.get("lines"), body.get("points", 0)
    if not isinstance(lines, list) or not 0 < len(lines) <= 100:
        raise ValidationError({"lines": "Expected 1 to 100 lines."})
    if type(points) is not int or not 0 <= points < 2**31:
        raise ValidationError({"points": "Expected a whole number."})
    pieces: dict[int, int] = {}
    for line in lines:
        if not isinstance(line, dict):
            raise ValidationError({"lines": "Expected objects."})
        product_id, qty = line.get("product_id"), line.get("qty")
        if type(product_id) is not int or not 0 < product_id < 2**63:
            raise ValidationError({"product_id": "Expected an id."})
        if type(qty) is not int or not 0 < qty <= 1000:
            raise ValidationError({"qty": "Expected 1 to 1000."})
        pieces[product_id] = pieces.get(product_id, 0) + qty
    if max(pieces.values()) > 1000:
        raise ValidationError({"qty": "Expected 1 to 1000."})
    return pieces, points


def _priced(cursor: Any, user_id: int, pieces: dict[int, int], points: int, at: datetime) -> dict[str, Any]:
    cursor.execute(statements.TERMS)
    _, _, _, fee, free_from, vat_rate, vat_included, minimum, unpaid_minutes, quote_minutes = (
        cursor.fetchone()
    )
    cursor.execute(statements.PRODUCTS, [list(pieces)])
    products = {row[0]: row for row in cursor.fetchall()}
    if len(products) < len(pieces):
        raise ValidationError({"product_ids": sorted(pieces.keys() - products.keys())})
    totals = []
    for product_id, qty in pieces.items():
        _, _, _, price, is_active, stock = products[product_id]
        if not is_active or (stock is not None and stock < qty):
            raise Refused({"product_id": product_id})
        totals.append(_cents(price) * qty)
    subtotal = sum(totals)
    if subtotal < _cents(minimum):
        raise Refused({"minimum_subtotal": minimum})
    used = paid = 0
    paid_shares = [0] * len(totals)
    shipping = 0 if free_from is not None and subtotal >= _cents(free_from) else _cents(fee)
    if points:
        statements.PROGRAMME.execute(cursor)
        programme = cursor.fetchone()
        point_value, fewest = programme[5], programme[6]
        if not point_value:
            raise Refused({"points": "Not accepted."})
        if points < fewest:
            raise ValidationError({"points": "Too few."})
        statements.POINTS.execute(cursor, [at, at, user_id])
        rows = cursor.fetchall()
        if not rows or rows[0][0] < points:
            raise ValidationError({"points": "Insufficient."})
        paid = min(int(points * point_value * 100), subtotal)
        if paid:
            used = int((Decimal(paid) / 100 / point_value).to_integral_value(ROUND_CEILING))
            paid_shares = _split(paid, totals)
    nets = [total - share for total, share in zip(totals, paid_shares, strict=True)]
    rate = _cents(vat_rate)
    base, whole = subtotal - paid + shipping, 10000 + (rate if vat_included else 0)
    tax = (2 * base * rate + whole) // (2 * whole)
    taxes = _split(tax, [*nets, shipping])
    return {
        "unpaid_minutes": unpaid_minutes,
        "quote_minutes": quote_minutes,
        "sums": {
            "subtotal": _rand(subtotal),
            "discount": "0.00",
            "voucher_code": "",
            "voucher_discount": "0.00",
            "points_used": used,
            "points_value": _rand(paid),
            "shipping": _rand(shipping),
            "tax": _rand(tax),
            "tax_included": vat_included,
            "total": _rand(base + (0 if vat_included else tax)),
        },
        "lines": [
            {
                "product_id": product_id,
                "sku": products[product_id][1],
                "name": products[product_id][2],
                "qty": qty,
                "unit_price": str(products[product_id][3]),
                "line_total": _rand(totals[n]),
                "discount": "0.00",
                "points_value": _rand(paid_shares[n]),
                "tax": _rand(taxes[n]),
            }
            for n, (product_id, qty) in enumerate(pieces.items())
        ],
    }


def _order(cursor: Any, user_id: int, pieces: dict[int, int], points: int, at: datetime) -> dict[str, Any]:
    basket = _priced(cursor, user_id, pieces, points, at)
    sums, lines = basket["sums"], basket["lines"]
    pay_by = at + timedelta(minutes=basket["unpaid_minutes"])
    number = "MH-" + "".join(secrets.choice(_LETTERS) for _ in range(10))
    order = [at, at, "markethub", number, user_id, "pending", "ZAR", sums["subtotal"], "0.00"]
    order += [sums["shipping"], sums["tax"], sums["tax_included"], sums["total"], sums["points_used"]]
    order += [sums["points_value"], "", "0.00", "", pay_by, "", at, None, None, None, None, None]
    cursor.execute(statements.ORDER, order)
    (order_id,) = cursor.fetchone()
    cursor.execute(statements.STOCK, [list(pieces), list(pieces.values())])
    counted = set()
    for product_id, qty, stock in cursor.fetchall():
        if stock < qty:
            raise Refused({"product_id": product_id})
        counted.add(product_id)
    size = len(lines)
    columns = [[at] * size, [at] * size, [order_id] * size, list(range(1, size + 1)), list(pieces)]
    columns += [[line[name] for line in lines] for name in _ITEM_COLUMNS]
    columns += [[product_id in counted for product_id in pieces], [0] * size]
    cursor.execute(statements.ITEMS, columns)
    items = cursor.fetchall()
    cursor.execute(
        statements.STEP, [order_id, "", "pending", f"member:{user_id}", user_id, "", at, timezone.now()]
    )
    cursor.fetchone()
    if sums["points_used"]:
        _spend(cursor, user_id, order_id, number, sums, at)
    return {
        **sums,
        "id": order_id,
        "shop": "markethub",
        "number": number,
        "status": "pending",
        "currency": "ZAR",
        "pay_by": _shown(pay_by),
        "placed_at": _shown(at),
        "paid_at": None,
        "processing_at": None,
        "shipped_at": None,
        "delivered_at": None,
        "cancelled_at": None,
        "lines": [
            {"id": item[0], "position": position, **line, "returned_qty": 0}
            for position, (item, line) in enumerate(zip(items, lines, strict=True), start=1)
        ],
    }


_ITEM_COLUMNS = ("sku", "name", "qty", "unit_price", "discount", "points_value", "tax")


def _spend(cursor: Any, user_id: int, order_id: int, number: str, sums: dict[str, Any], at: datetime) -> None:
    points = sums["points_used"]
    statements.ACCOUNT.execute(cursor, [TIERS_LOCK, user_id])
    ((_, current, pending, lifetime, debt, _, settled_at),) = cursor.fetchall()
    at = max(at, settled_at or at)
    if current < points:
        raise ValidationError({"points": "Insufficient."})
    statements.LOTS.execute(cursor, [user_id, at, points, user_id, at, at])
    lots = sorted(
        (lot for lot in cursor.fetchall() if lot[6]), key=lambda lot: (lot[5] is None, lot[5], lot[3])
    )
    statements.PROGRAMME.execute(cursor)
    tiers = cursor.fetchone()[7]
    tier_id = next((tier["id"] for tier in reversed(tiers) if tier["min_points"] <= lifetime), None)
    drawn: list[tuple[int, int, str, int]] = []
    left = points
    for lot in lots:
        taken = min(left, lot[2])
        drawn.append((lot[8], lot[2] - taken, lot[7], taken))
        left -= taken
        if not left:
            break
    entry = {
        "user_id": user_id,
        "natural_key": f"order:{order_id}:spend",
        "transaction_type": "redeemed",
        "points": -points,
        "lifetime_points": 0,
        "description": f"Paid R{sums['points_value']} of order {number}",
        "effective_at": at.isoformat(),
        "order_id": order_id,
        "voucher_id": None,
        "related_id": None,
        "metadata": {"order": number, "points_value": sums["points_value"], "currency": "ZAR"},
    }
    balance = {
        "user_id": user_id,
        "current_points": current - points,
        "pending_points": pending,
        "lifetime_points": lifetime,
        "debt_points": debt,
        "tier_id": tier_id,
        "settled_at": at.isoformat(),
    }
    statements.SPEND.execute(cursor, statements.spend_parameters(entry, drawn, balance))


def _split(amount: int, weights: list[int]) -> list[int]:
    """Split cents in proportion, what rounding leaves going to the largest remainders."""
    whole = sum(weights)
    if not whole:
        return [0] * len(weights)
    parts = [amount * weight // whole for weight in weights]
    left = amount - sum(parts)
    if left:
        by_remainder = sorted(range(len(weights)), key=lambda n: (-(amount * weights[n] % whole), n))
        for n in by_remainder[:left]:
            parts[n] += 1
    return parts


def _cents(amount: Decimal) -> int:
    return int(amount * 100)


def _rand(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02}"


def _shown(moment: datetime) -> str:
    return timezone.localtime(moment).isoformat()
