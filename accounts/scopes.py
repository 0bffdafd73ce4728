"""What an API key may be allowed to do."""

_scopes: dict[str, str] = {}


def register_scope(name: str, description: str) -> str:
    """Make a scope known, at start; keys are given scopes from these, and views ask for them by name."""
    if _scopes.setdefault(name, description) != description:
        raise ValueError(f"the scope {name} is known as something else")
    return name


def known_scopes() -> dict[str, str]:
    """Every scope with what it allows."""
    return dict(sorted(_scopes.items()))


ORDERS_WRITE = register_scope("orders:write", "Send orders and returns")
ORDERS_READ = register_scope("orders:read", "See the shop's orders")
MEMBERS_READ = register_scope("members:read", "See a member's balance and tier")
POINTS_WRITE = register_scope("points:write", "Add and take a member's points")
