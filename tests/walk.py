"""What the walk over all URLs must be told, since no URL tells it by itself.

An app adds to it in its tests' `walk.py` (`tests/<app>/walk.py`), which the walk finds:

    @own_row("rewards/transactions/<int:transaction_id>/")
    def transaction(owner): ... return {"transaction_id": line.pk}

Routes are written as at the root; those under api/v1/ are the same.
"""

from collections.abc import Callable
from typing import Any

from accounts.models import User

Arguments = dict[str, Any]

public: set[str] = {
    "health",
    "health/db",
    "metrics",
    "media/<path:path>",
    "schema/",
    "docs/swagger/",
    "docs/redoc/",
}
"""What anybody may call."""

staff_only: set[str] = set()
"""What a member gets 403 from."""

shared_rows: dict[str, Callable[[], Arguments]] = {}
own_rows: dict[str, Callable[[User], Arguments]] = {}
shop_paths: dict[str, Callable[[], Arguments]] = {}


def own_row(route: str) -> Callable[[Callable[[User], Arguments]], Callable[[User], Arguments]]:
    """Register a function that makes a row of a member's and returns the route's arguments for it.

    Beside them it may return `sent`, a function that makes what a test client's call takes (`data`,
    `format`), for calls that look at the body before they look for the row. The owner gets at it; everybody
    else gets 404.
    """

    def register(make: Callable[[User], Arguments]) -> Callable[[User], Arguments]:
        own_rows[route] = make
        return make

    return register


def shared_row(route: str) -> Callable[[Callable[[], Arguments]], Callable[[], Arguments]]:
    """Register a function that makes a row that every member sees, such as a product's."""

    def register(make: Callable[[], Arguments]) -> Callable[[], Arguments]:
        shared_rows[route] = make
        return make

    return register


def shop_path(route: str) -> Callable[[Callable[[], Arguments]], Callable[[], Arguments]]:
    """Register a function that returns arguments for a route that is called by API key."""

    def register(make: Callable[[], Arguments]) -> Callable[[], Arguments]:
        shop_paths[route] = make
        return make

    return register
