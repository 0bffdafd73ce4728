"""Orders' part of the walk over all URLs."""

from accounts.models import User
from orders.services.return_requests import request_return
from tests.catalog.factories import picture
from tests.orders.factories import NOON, line, make_order
from tests.walk import Arguments, own_row, shop_path


@own_row("orders/<int:order_id>/")
@own_row("orders/<int:order_id>/cancel/")
def pending_order(owner: User) -> Arguments:
    return {"order_id": make_order(line(), user=owner).pk}


@own_row("orders/<int:order_id>/returns/")
def delivered_order(owner: User) -> Arguments:
    order = make_order(line(), user=owner, status="delivered")
    line_id = order.items.get().pk
    body = {"lines": [{"line_id": line_id, "qty": 1}], "reason": "broken"}
    return {"order_id": order.pk, "line_id": line_id, "sent": lambda: {"data": body}}


@own_row("orders/<int:order_id>/returns/<int:request_id>/pictures/")
def return_request(owner: User) -> Arguments:
    delivered = delivered_order(owner)
    asked = request_return(
        user_id=owner.pk,
        order_id=delivered["order_id"],
        lines={delivered["line_id"]: 1},
        reason="broken",
        at=NOON,
    )
    return {
        "order_id": delivered["order_id"],
        "request_id": asked.pk,
        "sent": lambda: {"data": {"pictures": [picture()]}, "format": "multipart"},
    }


@shop_path("shop/orders/<str:number>/")
@shop_path("shop/orders/<str:number>/returns/")
def any_number() -> Arguments:
    return {"number": "1001"}
