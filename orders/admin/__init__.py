"""Orders in the admin: to look at, to move along, to take back; and the shop's terms."""

from orders.admin.order import OrderAdmin
from orders.admin.return_requests import ReturnRequestAdmin
from orders.admin.settings import CheckoutSettingsAdmin
from orders.admin.waiting import WaitingReturnAdmin

__all__ = ["CheckoutSettingsAdmin", "OrderAdmin", "ReturnRequestAdmin", "WaitingReturnAdmin"]
