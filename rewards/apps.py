"""Points: the ledger, tiers, earning rules, redemption and vouchers."""

from django.apps import AppConfig


class RewardsConfig(AppConfig):
    name = "rewards"
    verbose_name = "Rewards"

    def ready(self) -> None:
        """Take part in checkout, and in choosing whom campaigns tell."""
        from notifications.ports import register
        from orders import ports
        from rewards.criteria import CRITERIA
        from rewards.services.checkout import RewardsAtCheckout

        ports.register("rewards", RewardsAtCheckout())
        for criterion in CRITERIA:
            register(criterion)
