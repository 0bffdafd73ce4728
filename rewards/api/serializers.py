"""The shapes of the rewards API."""

from typing import Any

from rest_framework import serializers

from core.api.fields import Moment, Money, Text
from core.api.serializers import Input
from rewards.models import EarningRule, PointsTransaction, UserVoucher
from rewards.models.programme import BenefitType
from rewards.services.adjustment import MOST_POINTS


class BalanceQuery(Input):
    as_of = Moment(required=False, help_text="The balance at this time, from the ledger; now when left out.")


class BalanceOutput(serializers.Serializer[Any]):
    current_points = serializers.IntegerField()
    pending_points = serializers.IntegerField()
    lifetime_points = serializers.IntegerField()
    debt_points = serializers.IntegerField()
    points_expiring_soon = serializers.IntegerField(help_text="Within 30 days.")
    expiry_date = serializers.DateField(allow_null=True, help_text="The last day of the first of them.")


class TierOutput(serializers.Serializer[Any]):
    name = serializers.CharField()
    min_points = serializers.IntegerField()
    benefits = serializers.ListField(child=serializers.CharField())


class LoyaltyStatusOutput(serializers.Serializer[Any]):
    current_tier = serializers.CharField(source="current_tier.name", default=None, allow_null=True)
    tier_benefits = serializers.ListField(
        source="current_tier.benefits", child=serializers.CharField(), default=[]
    )
    next_tier = serializers.CharField(source="next_tier.name", default=None, allow_null=True)
    points_to_next_tier = serializers.IntegerField()
    tier_progress = serializers.FloatField(help_text="Points ÷ the next tier's threshold; 1.0 at the top.")


class EarningRuleOutput(serializers.Serializer[Any]):
    name = serializers.CharField()
    description = serializers.CharField()
    rule_type = serializers.ChoiceField(EarningRule.RuleType.choices)
    points_per_rand = serializers.DecimalField(max_digits=5, decimal_places=2)
    points_amount = serializers.IntegerField()


class OfferOutput(serializers.Serializer[Any]):
    id = serializers.SlugField(source="option.id")
    type = serializers.ChoiceField(BenefitType.choices, source="option.type")
    name = serializers.CharField(source="option.name")
    description = serializers.CharField(source="option.description")
    points_required = serializers.IntegerField(source="option.points_required")
    value = Money(source="option.value", help_text="Rand; for a category discount a percentage.")
    category_id = serializers.IntegerField(source="option.category_id", allow_null=True)
    min_tier = serializers.CharField(source="min_tier.name", default=None, allow_null=True)
    available = serializers.BooleanField()
    unavailable_reason = serializers.ChoiceField(["tier_too_low", "insufficient_points"], allow_null=True)


class RedeemInput(Input):
    redemption_option_id = Text(max_length=50)
    points_to_redeem = serializers.IntegerField(min_value=0, max_value=MOST_POINTS)


class VoucherOutput(serializers.Serializer[Any]):
    id = serializers.CharField()
    code = serializers.CharField()
    type = serializers.ChoiceField(BenefitType.choices)
    value = Money()
    expires_at = serializers.DateTimeField()


class RedemptionOutput(serializers.Serializer[Any]):
    voucher = VoucherOutput()
    points_deducted = serializers.IntegerField()
    new_balance = serializers.IntegerField()


class VouchersQuery(Input):
    status = serializers.ChoiceField(UserVoucher.Status.choices, required=False)


class OwnVoucherOutput(VoucherOutput):
    status = serializers.SerializerMethodField()
    category_id = serializers.IntegerField(allow_null=True)
    order_id = serializers.IntegerField(allow_null=True)
    used_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()

    def get_status(self, voucher: UserVoucher) -> str:
        return voucher.status_at(self.context["at"])


class ValidateVoucherInput(Input):
    code = Text(max_length=20)
    order_total = Money(required=False, min_value=0)


class VoucherCheckOutput(serializers.Serializer[Any]):
    valid = serializers.BooleanField()
    reason = serializers.ChoiceField(["not_found", "expired", "reserved", "used"], allow_null=True)
    discount = Money(allow_null=True)
    voucher = VoucherOutput(allow_null=True)


class HistoryQuery(Input):
    type = serializers.ChoiceField(PointsTransaction.Type.choices, required=False)
    since = Moment(required=False, help_text="Effective at this time or later.")
    before = Moment(required=False, help_text="Effective before this time.")


class TransactionOutput(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    points = serializers.IntegerField(help_text="Positive when points came, negative when they went.")
    transaction_type = serializers.ChoiceField(PointsTransaction.Type.choices)
    description = serializers.CharField()
    order_id = serializers.IntegerField(allow_null=True)
    order_number = serializers.CharField(source="order.number", default=None, allow_null=True)
    voucher_id = serializers.CharField(allow_null=True)
    effective_at = serializers.DateTimeField()
    created_at = serializers.DateTimeField()


class TransactionPageOutput(serializers.Serializer[Any]):
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = TransactionOutput(many=True)


class RuleOutput(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    name = serializers.CharField()
    type = serializers.CharField()
    version = serializers.IntegerField()
    points_per_rand = serializers.CharField()
    points_amount = serializers.IntegerField()


class LotOutput(serializers.Serializer[Any]):
    points = serializers.IntegerField()
    remaining = serializers.IntegerField()
    pending = serializers.BooleanField()
    earned_at = serializers.DateTimeField()
    matures_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)
    spent = serializers.IntegerField()
    expired = serializers.IntegerField()
    reversed = serializers.IntegerField()
    repaid_debt = serializers.IntegerField()


class SourceOutput(serializers.Serializer[Any]):
    transaction_id = serializers.IntegerField()
    description = serializers.CharField()
    points = serializers.IntegerField(help_text="Taken from that transaction's points; negative: given back.")
    earned_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)


class ExplanationOutput(serializers.Serializer[Any]):
    sentence = serializers.CharField()
    rule = RuleOutput(allow_null=True)
    basis = serializers.CharField(allow_null=True, help_text="Rand that count.")
    full_basis = serializers.CharField(allow_null=True, help_text="Rand that would count had all been kept.")
    arithmetic = serializers.CharField(allow_null=True)
    lot = LotOutput(allow_null=True)
    sources = SourceOutput(many=True)
    became_debt = serializers.IntegerField()
    related_transaction_id = serializers.IntegerField(allow_null=True)


class ExplainedTransactionOutput(TransactionOutput):
    why = ExplanationOutput()


class ExpiringOutput(serializers.Serializer[Any]):
    date = serializers.DateField(help_text="The last day on which they can be spent.")
    points = serializers.IntegerField()
