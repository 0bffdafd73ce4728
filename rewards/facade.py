"""What apps above may call."""

from rewards.services.earning import earn_referral

__all__ = ["earn_referral"]
