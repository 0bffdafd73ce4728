"""The programme in the admin: its settings, its members' points, its ledger and its vouchers."""

from rewards.admin.ledger import PointsTransactionAdmin
from rewards.admin.members import UserPointsAdmin
from rewards.admin.options import RedemptionOptionAdmin
from rewards.admin.programme import ProgrammeAdmin
from rewards.admin.rules import EarningRuleAdmin
from rewards.admin.tier_changes import TierChangeAdmin
from rewards.admin.tiers import LoyaltyTierAdmin
from rewards.admin.vouchers import UserVoucherAdmin

__all__ = [
    "EarningRuleAdmin",
    "LoyaltyTierAdmin",
    "PointsTransactionAdmin",
    "ProgrammeAdmin",
    "RedemptionOptionAdmin",
    "TierChangeAdmin",
    "UserPointsAdmin",
    "UserVoucherAdmin",
]
