"""Tables of the loyalty programme: its settings, its ledger, its vouchers."""

from rewards.models.ledger import LotAllocation, PointLot, PointsTransaction, TierChange, UserPoints
from rewards.models.programme import EarningRule, LoyaltyTier, Programme, RedemptionOption
from rewards.models.vouchers import UserVoucher

__all__ = [
    "EarningRule",
    "LotAllocation",
    "LoyaltyTier",
    "PointLot",
    "PointsTransaction",
    "Programme",
    "RedemptionOption",
    "TierChange",
    "UserPoints",
    "UserVoucher",
]
