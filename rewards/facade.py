"""What apps above may call."""

from rewards.selectors.balance import balance, loyalty_status
from rewards.selectors.vouchers import vouchers
from rewards.services.adjustment import adjust_points
from rewards.services.clock import expire_points, mature_points
from rewards.services.earning import accrue_orders, earn_referral, earn_reviews
from rewards.services.redemption import redeem_option
from rewards.services.vouchers import expire_vouchers, release_voucher, reserve_voucher, use_voucher

__all__ = [
    "accrue_orders",
    "adjust_points",
    "balance",
    "earn_referral",
    "earn_reviews",
    "expire_points",
    "expire_vouchers",
    "loyalty_status",
    "mature_points",
    "redeem_option",
    "release_voucher",
    "reserve_voucher",
    "use_voucher",
    "vouchers",
]
