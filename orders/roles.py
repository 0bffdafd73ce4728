"""What the roles may do with orders."""

from accounts.facade import LOYALTY_MANAGER, OPERATOR, SUPPORT_AGENT, allow

allow(
    SUPPORT_AGENT,
    "orders.view_order",
    "orders.change_order",
    "orders.view_returnrequest",
    "orders.change_returnrequest",
    "orders.view_waitingreturn",
    "orders.retry_waitingreturn",
)
allow(
    LOYALTY_MANAGER,
    "orders.view_order",
    "orders.view_checkoutsettings",
    "orders.change_checkoutsettings",
)
allow(
    OPERATOR,
    "orders.view_order",
    "orders.change_order",
    "orders.view_returnrequest",
    "orders.change_returnrequest",
    "orders.view_waitingreturn",
    "orders.retry_waitingreturn",
    "orders.view_checkoutsettings",
    "orders.change_checkoutsettings",
)
