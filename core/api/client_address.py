"""Where a call comes from, when proxies stand between."""

from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from django.conf import settings
from django.http import HttpRequest
from rest_framework.request import Request

Address = IPv4Address | IPv6Address
_UNIX = "unix"
# More proxies than this stand before nobody; a longer header is somebody's invention.
_MOST_HOPS = 20


def client_address(request: HttpRequest | Request) -> str:
    """Return the address of who calls, in its shortest form; "" where it cannot be told (a Unix socket).

    `X-Forwarded-For` is read from its end, and only as far as each hop was added by a proxy that
    `settings.TRUSTED_PROXIES` names (addresses, networks, or `unix` for a socket's other end). Whatever
    stands before that was written by the caller and counts for nothing.
    """
    peer = request.META.get("REMOTE_ADDR", "")
    address = _address(peer)
    if not _is_trusted(address, peer):
        return str(address) if address else ""
    for hop in reversed(request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")[-_MOST_HOPS:]):
        claimed = _address(hop)
        if claimed is None:
            break
        address = claimed
        if not _is_trusted(address, hop):
            break
    return str(address) if address else ""


def neighbourhood(address: str) -> str:
    """Return what to count calls by: an IPv4 address, or the /64 that one IPv6 subscriber has whole."""
    parsed = _address(address)
    if isinstance(parsed, IPv6Address):
        return str(IPv6Network((parsed, 64), strict=False))
    return address


def _address(text: str) -> Address | None:
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        parsed = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(parsed, "ipv4_mapped", None) or parsed


def _is_trusted(address: Address | None, peer: str) -> bool:
    named = tuple(settings.TRUSTED_PROXIES)
    if address is None:
        return peer == "" and _UNIX in named
    return any(address in network for network in _networks(named))


@lru_cache(maxsize=8)
def _networks(named: tuple[str, ...]) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(name, strict=False) for name in named if name != _UNIX)
