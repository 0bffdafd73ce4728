"""Orders in the admin: to look at, to move along, to take back."""

from orders.admin.order import OrderAdmin

__all__ = ["OrderAdmin"]
