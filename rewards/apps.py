"""Points: the ledger, tiers, earning rules, redemption and vouchers."""

from django.apps import AppConfig


class RewardsConfig(AppConfig):
    name = "rewards"
    verbose_name = "Rewards"
