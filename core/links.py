"""Deep links: where a message points into the app; one table for pushes, the inbox, tickets and shares."""

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit

from django.conf import settings

_PATHS = {
    "product": "products/{id}",
    "order": "orders/{id}",
    "ticket": "tickets/{id}",
    "voucher": "vouchers/{id}",
    "tier": "tier",
    "inbox": "inbox",
}
"""Kind → path below the app's own address."""

_LONGEST = 300


@dataclass(frozen=True, slots=True)
class Target:
    """A place in the app: a kind of thing, and which of them; the id is empty where there is but one."""

    kind: str
    id: str = ""


def kinds() -> tuple[str, ...]:
    """Name every kind of place."""
    return tuple(_PATHS)


def needs_id(kind: str) -> bool:
    """Say whether there are many of a kind."""
    return "{id}" in _PATHS[kind]


def link(kind: str, id: object = "") -> str:
    """Write the link to a place, as the app opens it: `settings.APP_LINK` and the path of the kind.

    Raises:
        ValueError: there is no such kind, or the id is missing or too much.
    """
    if kind not in _PATHS:
        raise ValueError(f"there is no kind of link called {kind}")
    if needs_id(kind) != bool(str(id)):
        raise ValueError(f"a link to {kind} {'needs an' if needs_id(kind) else 'has no'} id")
    return settings.APP_LINK + _PATHS[kind].format(id=quote(str(id), safe=""))


def target_of(url: str) -> Target | None:
    """Read a link that `link` wrote; None when it is none of ours. A query and a fragment are passed over."""
    if len(url) > _LONGEST or not url.startswith(settings.APP_LINK):
        return None
    path = urlsplit(url[len(settings.APP_LINK) :]).path.strip("/")
    for kind, pattern in _PATHS.items():
        match = re.fullmatch(re.escape(pattern).replace(r"\{id\}", "([^/]+)"), path)
        if match:
            return Target(kind, unquote(match[1]) if match.groups() else "")
    return None
