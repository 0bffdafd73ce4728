"""Orders in the admin: to look at, to move along, to take back."""

from orders.admin.order import OrderAdmin
from orders.admin.waiting import WaitingReturnAdmin

__all__ = ["OrderAdmin", "WaitingReturnAdmin"]
