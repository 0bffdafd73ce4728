"""The shapes of the members' orders API."""

from typing import Any

from rest_framework import serializers

from core.api.fields import Money, RowId, Text
from core.api.images import ImageUpload
from core.api.serializers import Input, all_shown, shown
from orders.checkout_models import ReturnRequest
from orders.models import STATUS_CHOICES, OrderItem
from orders.ports import Step, Wish
from orders.services.baskets import MOST_LINES, MOST_PIECES
from orders.services.quoting import Quote
from orders.services.return_requests import MOST_PICTURES

_MOST_POINTS = 2**31 - 1
_LONGEST_TOKEN = 20_000
_KINDS = {step: step.name.lower() for step in Step}
SHARE_KINDS = list(_KINDS.values())


class BasketLineInput(serializers.Serializer[Any]):
    product_id = RowId()
    qty = serializers.IntegerField(min_value=1, max_value=MOST_PIECES)


class WishInput(Input):
    voucher_code = Text(max_length=20, required=False, allow_blank=True, default="")
    points = serializers.IntegerField(
        min_value=0,
        max_value=_MOST_POINTS,
        required=False,
        default=0,
        help_text="The most points to use; no more are taken than the goods cost.",
    )


class QuoteInput(WishInput):
    lines = serializers.ListField(child=BasketLineInput(), min_length=1, max_length=MOST_LINES)


class OrderInput(WishInput):
    """Either `quote_token`, or `lines` with or without a voucher and points."""

    lines = serializers.ListField(
        child=BasketLineInput(), min_length=1, max_length=MOST_LINES, required=False
    )
    quote_token = Text(max_length=_LONGEST_TOKEN, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("lines" in attrs) == ("quote_token" in attrs):
            raise serializers.ValidationError("Send either lines or a quote_token.")
        if "quote_token" in attrs and wish_of(attrs):
            raise serializers.ValidationError("A quote_token has its voucher and points in it.")
        return attrs


def lines_of(body: dict[str, Any]) -> list[tuple[int, int]]:
    """Return (product id, pieces) of each line that was sent."""
    return [(line["product_id"], line["qty"]) for line in body["lines"]]


def wish_of(body: dict[str, Any]) -> Wish:
    """Return the voucher and points that were sent."""
    return Wish(voucher_code=body["voucher_code"].strip().upper(), points=body["points"])


class ShareOutput(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(SHARE_KINDS)
    code = serializers.CharField()
    amount = Money()


class AppliedOutput(ShareOutput):
    label = serializers.CharField()  # type: ignore[assignment]


class QuoteLineOutput(serializers.Serializer[Any]):
    product_id = serializers.IntegerField()
    sku = serializers.CharField()
    name = serializers.CharField()
    qty = serializers.IntegerField()
    unit_price = Money()
    line_total = Money()
    discount = Money(help_text="Off the whole line, vouchers included.")
    points_value = Money(help_text="What points pay of it.")
    tax = Money(help_text="Its share of the tax.")
    shares = ShareOutput(many=True, help_text="This line's share of everything in `applied`.")


class SumsOutput(serializers.Serializer[Any]):
    subtotal = Money()
    discount = Money(help_text="Off the goods, `voucher_discount` included.")
    voucher_code = serializers.CharField(allow_blank=True)
    voucher_discount = Money()
    points_used = serializers.IntegerField()
    points_value = Money(help_text="What the points pay.")
    shipping = Money()
    tax = Money()
    tax_included = serializers.BooleanField(help_text="Whether `tax` is inside the other amounts.")
    total = Money(help_text="To pay in money.")


class QuoteOutput(SumsOutput):
    lines = QuoteLineOutput(many=True)
    applied = AppliedOutput(many=True)
    quote_token = serializers.CharField()
    expires_at = serializers.DateTimeField()


def quote_answer(quote: Quote) -> dict[str, Any]:
    """Lay a quote out as `QuoteOutput` has it."""
    price, products = quote.basket.price, quote.basket.products
    applied = [(_KINDS[one.step], one) for one in price.applied]
    lines = [
        {
            "product_id": line.product_id,
            "sku": products[line.product_id].sku,
            "name": products[line.product_id].name,
            "qty": line.qty,
            "unit_price": line.unit_price,
            "line_total": line.line_total,
            "discount": line.discount,
            "points_value": line.points_value,
            "tax": line.tax,
            "shares": [
                {"kind": kind, "code": one.code, "amount": one.shares[position]} for kind, one in applied
            ],
        }
        for position, line in enumerate(price.lines)
    ]
    return {
        **shown(SumsOutput, price),
        "lines": all_shown(QuoteLineOutput, lines),
        "applied": all_shown(
            AppliedOutput,
            [
                {"kind": kind, "label": one.label, "code": one.code, "amount": one.amount}
                for kind, one in applied
            ],
        ),
        "quote_token": quote.token,
        "expires_at": serializers.DateTimeField().to_representation(quote.expires_at),
    }


class OrderOutput(SumsOutput):
    id = serializers.IntegerField()
    shop = serializers.CharField()
    number = serializers.CharField()
    status = serializers.ChoiceField(STATUS_CHOICES)
    currency = serializers.CharField()
    pay_by = serializers.DateTimeField(allow_null=True, help_text="Unpaid then, it is cancelled.")
    placed_at = serializers.DateTimeField()
    paid_at = serializers.DateTimeField(allow_null=True)
    processing_at = serializers.DateTimeField(allow_null=True)
    shipped_at = serializers.DateTimeField(allow_null=True)
    delivered_at = serializers.DateTimeField(allow_null=True)
    cancelled_at = serializers.DateTimeField(allow_null=True)


class OrderLineOutput(serializers.ModelSerializer[OrderItem]):
    product_id = serializers.IntegerField()
    unit_price = Money()
    line_total = Money()
    discount = Money()
    points_value = Money()
    tax = Money()

    class Meta:
        model = OrderItem
        fields = (
            "id",
            "position",
            "product_id",
            "sku",
            "name",
            "qty",
            "unit_price",
            "line_total",
            "discount",
            "points_value",
            "tax",
            "returned_qty",
        )


class MadeOrderOutput(OrderOutput):
    lines = OrderLineOutput(many=True)


class StepOutput(serializers.Serializer[Any]):
    status = serializers.ChoiceField(STATUS_CHOICES, source="to_status")
    at = serializers.DateTimeField()


class PiecesOutput(serializers.Serializer[Any]):
    line_id = serializers.IntegerField(source="item_id")
    name = serializers.CharField(source="item.name")
    qty = serializers.IntegerField()


class ReturnOutput(serializers.Serializer[Any]):
    reference = serializers.CharField()
    at = serializers.DateTimeField()
    refund = Money(allow_null=True, help_text="Money due back; null where another shop sees to it.")
    points_back = serializers.IntegerField()
    lines = PiecesOutput(source="lines.all", many=True)


class OrderDetailOutput(MadeOrderOutput):
    lines = OrderLineOutput(source="items.all", many=True)
    steps = StepOutput(source="steps.all", many=True)
    returns = ReturnOutput(source="returns.all", many=True)


class OrdersQuery(Input):
    status = serializers.ChoiceField(STATUS_CHOICES, required=False)


class OrderPageOutput(serializers.Serializer[Any]):
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = OrderOutput(many=True)


class CancelInput(Input):
    reason = Text(max_length=500, required=False, allow_blank=True, default="")


class PiecesInput(serializers.Serializer[Any]):
    line_id = RowId()
    qty = serializers.IntegerField(min_value=1, max_value=_MOST_POINTS)


class ReturnRequestInput(Input):
    lines = serializers.ListField(child=PiecesInput(), min_length=1, max_length=MOST_LINES)
    reason = Text(max_length=500)


class PicturesInput(Input):
    pictures = serializers.ListField(
        child=ImageUpload(),
        min_length=1,
        max_length=MOST_PICTURES,
        help_text=f"JPEG, PNG or WebP, up to 2 MB each; a request has at most {MOST_PICTURES}.",
    )


class PictureOutput(serializers.Serializer[Any]):
    url = serializers.FileField(source="file", use_url=True)


class ReturnRequestOutput(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    order_id = serializers.IntegerField()
    status = serializers.ChoiceField(ReturnRequest.Status.choices)
    reason = serializers.CharField()
    note = serializers.CharField(allow_blank=True, help_text="What the shop answered.")
    requested_at = serializers.DateTimeField()
    decided_at = serializers.DateTimeField(allow_null=True)
    lines = PiecesOutput(source="lines.all", many=True)
    pictures = PictureOutput(source="pictures.all", many=True)
