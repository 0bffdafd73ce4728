"""What the roles may do with orders."""

from accounts.facade import LOYALTY_MANAGER, OPERATOR, SUPPORT_AGENT, allow

allow(SUPPORT_AGENT, "orders.view_order", "orders.change_order")
allow(LOYALTY_MANAGER, "orders.view_order")
allow(OPERATOR, "orders.view_order", "orders.change_order")
allow(SUPPORT_AGENT, "orders.view_waitingreturn", "orders.retry_waitingreturn")
allow(OPERATOR, "orders.view_waitingreturn", "orders.retry_waitingreturn")
