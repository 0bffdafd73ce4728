"""Registers the app, and tells the catalogue what members bought."""

from django.apps import AppConfig


class OrdersConfig(AppConfig):
    name = "orders"

    def ready(self) -> None:
        from catalog.ports import provide_purchases
        from orders.selectors import has_received

        provide_purchases("orders", has_received)
