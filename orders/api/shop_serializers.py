"""The shapes of what shops send of their orders, and of the answers."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.core.validators import RegexValidator
from rest_framework import serializers

from accounts.facade import NotAPhone, e164
from core.api.fields import Moment, Money, Text
from core.api.serializers import Input
from orders.contracts import SHOP
from orders.models import STATUS_CHOICES
from orders.rules import BY_RETURNING, Status
from orders.services.shop_returns import ReturnedLine, ShopReturn
from orders.shop_rules import (
    CLOCKS_DIFFER,
    MOST_MONEY,
    TIMES,
    ZERO,
    ShopLine,
    ShopOrder,
    Sums,
    only_total,
    sums_of,
    wrong_lines,
    wrong_sums,
)
from orders.shop_selectors import catalogue_sku

MOST_LINES = 1000
MOST_ORDERS = 500
_MOST_PIECES = 2**31 - 1
_LONGEST_SKU = 64
NUMBER = r"^[A-Za-z0-9._~:-]{1,64}\Z"
RESERVED_NUMBERS = frozenset({"batch", ".", ".."})
"""What a path could not tell from something else."""

OUTCOMES = ["created", "updated", "unchanged", "refused"]
RETURN_STATES = ["applied", "waiting"]
TOLD_STATUSES = [choice for choice in STATUS_CHOICES if Status(choice[0]) not in BY_RETURNING]


class Number(serializers.RegexField):
    """An order's number: a member of a path, too."""

    default_error_messages = {
        "invalid": "1 to 64 letters, digits and . _ ~ : -",
        "reserved": "This number can't be used.",
    }

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(NUMBER, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        if data in RESERVED_NUMBERS:
            self.fail("reserved")
        return str(super().to_internal_value(data))


class Phone(Text):
    """A phone number with its country, however written; read as E.164."""

    default_error_messages = {"not_a_phone": "Give the number with its country: +27821234567."}

    def to_internal_value(self, data: Any) -> str:
        try:
            return e164(super().to_internal_value(data))
        except NotAPhone:
            self.fail("not_a_phone")


class ShopOrderMemberInput(serializers.Serializer[Any]):
    external_id = Text(
        max_length=100,
        required=False,
        validators=[RegexValidator(r"^[^/\s]+\Z", "No blanks and no slash.")],
        help_text="The member's id; an unknown one makes the member.",
    )
    phone = Phone(required=False, help_text="With its country: +27821234567.")
    email = serializers.EmailField(max_length=254, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs:
            raise serializers.ValidationError("Give external_id, phone or email.")
        return attrs


class ShopLineInput(serializers.Serializer[Any]):
    sku = Text(max_length=_LONGEST_SKU)
    name = Text(max_length=255, required=False, default="", help_text="As it was called.")
    qty = serializers.IntegerField(min_value=1, max_value=_MOST_PIECES)
    unit_price = Money(min_value=Decimal(0))
    discount = Money(
        min_value=Decimal(0), required=False, default=ZERO, help_text="All that was taken off the whole line."
    )


class ShopOrderInput(Input):
    """What is left out of an order that is there stays as it is."""

    member = ShopOrderMemberInput(required=False)
    status = serializers.ChoiceField(TOLD_STATUSES, required=False, help_text="A new order is pending.")
    currency = serializers.ChoiceField(["ZAR"], required=False)
    lines = serializers.ListField(child=ShopLineInput(), required=False, max_length=MOST_LINES)
    subtotal = Money(min_value=Decimal(0), required=False)
    discount = Money(min_value=Decimal(0), required=False, help_text="The sum of the lines' discounts.")
    shipping = Money(min_value=Decimal(0), required=False)
    tax = Money(min_value=Decimal(0), required=False, help_text="On top of the lines.")
    total = Money(min_value=Decimal(0), required=False, help_text="Needed with lines.")
    placed_at = Moment(required=False)
    paid_at = Moment(required=False)
    processing_at = Moment(required=False)
    shipped_at = Moment(required=False)
    delivered_at = Moment(required=False)
    cancelled_at = Moment(required=False)
    reason = Text(max_length=500, required=False, default="", allow_blank=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        shop = self.context["shop"]
        lines = [ShopLine(**line) for line in attrs.get("lines", ())]
        errors: dict[str, Any] = {}
        longest = _LONGEST_SKU if shop == SHOP else _LONGEST_SKU - len(catalogue_sku(shop, ""))
        for index, line in enumerate(lines):
            if len(line.sku) > longest:
                errors[f"lines.{index}.sku"] = [f"At most {longest} characters."]
        for index, field, message in wrong_lines(lines):
            errors[f"lines.{index}.{field}"] = [message]
        given = {name: attrs[name] for name in Sums.__slots__ if name in attrs}
        attrs["lines"] = tuple(lines) if lines else None
        attrs["sums"] = None
        if lines:
            sums = sums_of(lines, shipping=given.get("shipping", ZERO), tax=given.get("tax", ZERO))
            attrs["sums"] = sums
            if "total" not in given:
                errors["total"] = ["This field is required with lines."]
            if not errors:
                errors.update({field: [message] for field, message in wrong_sums(sums, given)})
        elif given:
            for field in given.keys() - {"total"}:
                errors[field] = ["Without lines only a total can be told."]
            if given.get("total", ZERO) > MOST_MONEY:
                errors["total"] = [f"At most {MOST_MONEY}."]
            attrs["sums"] = only_total(given["total"]) if "total" in given else None
        if errors:
            raise serializers.ValidationError(errors)
        return attrs


class ShopNumberedOrderInput(ShopOrderInput):
    number = Number()


class ShopBatchShape(Input):
    """A batch for the schema; each of its orders is read by itself."""

    orders = serializers.ListField(child=ShopNumberedOrderInput(), min_length=1, max_length=MOST_ORDERS)


class ShopBatchInput(Input):
    orders = serializers.ListField(min_length=1, max_length=MOST_ORDERS)


class OrderReader:
    """Reads any number of orders of one shop; to make a serializer costs more than to read with it."""

    def __init__(self, shop: str) -> None:
        self._order = ShopOrderInput(context={"shop": shop})
        self._number = Number()

    def number(self, sent: Any) -> str:
        """Read a number.

        Raises:
            ValidationError: it is missing or not one; the field is called `number`.
        """
        try:
            return str(self._number.run_validation(sent))
        except serializers.ValidationError as error:
            raise serializers.ValidationError({"number": error.detail}) from None

    def order(self, number: str, sent: Any) -> ShopOrder:
        """Read what a shop tells of an order.

        Raises:
            ValidationError: a field is wrong.
        """
        read = self._order.run_validation(sent)
        return _told(number, read)

    def numbered(self, sent: Any) -> ShopOrder:
        """Read an order of a batch, which has its `number` among its fields.

        Raises:
            ValidationError: a field is wrong.
        """
        if not isinstance(sent, Mapping):
            raise serializers.ValidationError({"body": ["Expected an object."]})
        return self.order(self.number(sent.get("number", serializers.empty)), sent)


def _told(number: str, read: Mapping[str, Any]) -> ShopOrder:
    status = read.get("status")
    return ShopOrder(
        number=number,
        **read.get("member", {}),
        status=Status(status) if status else None,
        lines=read["lines"],
        sums=read["sums"],
        times={name: read[name] for name in TIMES if name in read},
        reason=read["reason"],
    )


class ShopOutcomeOutput(serializers.Serializer[Any]):
    index = serializers.IntegerField(help_text="The order's place in the request, from 0.")
    number = serializers.CharField(allow_null=True)
    status = serializers.ChoiceField(OUTCOMES)
    problem = serializers.DictField(
        required=False, help_text="With refused: the problem that PUT would have answered."
    )


class ShopBatchOutput(serializers.Serializer[Any]):
    created = serializers.IntegerField()
    updated = serializers.IntegerField()
    unchanged = serializers.IntegerField()
    refused = serializers.IntegerField()
    results = ShopOutcomeOutput(many=True)


class ShopOrderMemberOutput(serializers.Serializer[Any]):
    external_id = serializers.CharField(allow_null=True)


class ShopOrderLineOutput(serializers.Serializer[Any]):
    position = serializers.IntegerField(help_text="1 is the first line.")
    sku = serializers.CharField()
    name = serializers.CharField()
    qty = serializers.IntegerField()
    unit_price = Money()
    discount = Money()
    points_value = Money(help_text="What points paid of the line, in an order of our checkout.")
    returned_qty = serializers.IntegerField()


class ShopOrderOutput(serializers.Serializer[Any]):
    shop = serializers.CharField()
    number = serializers.CharField()
    status = serializers.ChoiceField(STATUS_CHOICES)
    member = ShopOrderMemberOutput(source="user")
    currency = serializers.CharField()
    lines = ShopOrderLineOutput(source="items", many=True)
    subtotal = Money()
    discount = Money()
    points_value = Money()
    shipping = Money()
    tax = Money()
    total = Money()
    placed_at = serializers.DateTimeField()
    paid_at = serializers.DateTimeField(allow_null=True)
    processing_at = serializers.DateTimeField(allow_null=True)
    shipped_at = serializers.DateTimeField(allow_null=True)
    delivered_at = serializers.DateTimeField(allow_null=True)
    cancelled_at = serializers.DateTimeField(allow_null=True)


class ShopReturnedLineInput(serializers.Serializer[Any]):
    sku = Text(max_length=_LONGEST_SKU, required=False)
    position = serializers.IntegerField(min_value=1, max_value=_MOST_PIECES, required=False)
    qty = serializers.IntegerField(min_value=1, max_value=_MOST_PIECES)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("sku" in attrs) == ("position" in attrs):
            raise serializers.ValidationError({"sku": ["Give either sku or position."]})
        return attrs


class ShopReturnInput(Input):
    return_id = Text(max_length=64, help_text="Your own id of this return, once an order.")
    lines = serializers.ListField(
        child=ShopReturnedLineInput(),
        required=False,
        min_length=1,
        max_length=MOST_LINES,
        help_text="Left out: all that is still with the member.",
    )
    reason = Text(max_length=500, required=False, default="", allow_blank=True)
    at = Moment(required=False, help_text="When the goods came back; now when left out.")


def told_return(number: str, read: Mapping[str, Any], *, now: datetime) -> ShopReturn:
    """Return what was read of a return, as the services take it.

    Raises:
        ValidationError: it is to come back in the future.
    """
    if read.get("at", now) > now + CLOCKS_DIFFER:
        raise serializers.ValidationError({"at": ["In the future."]})
    lines = tuple(ReturnedLine(**line) for line in read["lines"]) if "lines" in read else None
    return ShopReturn(
        number=number,
        return_id=read["return_id"],
        lines=lines,
        at=read.get("at", now),
        reason=read["reason"],
    )


class ShopReturnLineOutput(serializers.Serializer[Any]):
    position = serializers.IntegerField(source="item.position")
    sku = serializers.CharField(source="item.sku")
    qty = serializers.IntegerField()


class ShopReturnOutput(serializers.Serializer[Any]):
    number = serializers.CharField()
    return_id = serializers.CharField()
    status = serializers.ChoiceField(RETURN_STATES)
    order_status = serializers.ChoiceField(STATUS_CHOICES, allow_null=True, help_text="Null while it waits.")
    lines = ShopReturnLineOutput(
        many=True, help_text="What came back of each line; nothing yet while it waits."
    )
    at = serializers.DateTimeField()
