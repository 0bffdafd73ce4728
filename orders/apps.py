"""Registers the app, tells the catalogue what members bought, and campaigns when they did."""

from django.apps import AppConfig


class OrdersConfig(AppConfig):
    name = "orders"

    def ready(self) -> None:
        from catalog.ports import provide_purchases
        from notifications.ports import register
        from orders.criteria import CRITERIA
        from orders.selectors import has_received

        provide_purchases("orders", has_received)
        for criterion in CRITERIA:
            register(criterion)
