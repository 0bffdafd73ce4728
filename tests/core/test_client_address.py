"""Design mistake 22: `X-Forwarded-For` is believed."""

import pytest

from core.api.client_address import client_address, neighbourhood


@pytest.fixture
def asked(rf, settings):
    def ask(peer, forwarded=None, trusted=()):
        settings.TRUSTED_PROXIES = list(trusted)
        headers = {} if forwarded is None else {"HTTP_X_FORWARDED_FOR": forwarded}
        return client_address(rf.get("/", REMOTE_ADDR=peer, **headers))

    return ask


@pytest.mark.parametrize(
    ("peer", "forwarded", "trusted", "found"),
    [
        ("203.0.113.9", None, [], "203.0.113.9"),
        ("203.0.113.9", "1.2.3.4", [], "203.0.113.9"),
        ("203.0.113.9", "1.2.3.4", ["10.0.0.0/8"], "203.0.113.9"),
        ("10.0.0.1", "203.0.113.9", ["10.0.0.0/8"], "203.0.113.9"),
        ("10.0.0.1", "203.0.113.9", ["10.0.0.2"], "10.0.0.1"),
        ("10.0.0.1", None, ["10.0.0.0/8"], "10.0.0.1"),
        ("10.0.0.1", "", ["10.0.0.0/8"], "10.0.0.1"),
        # What the caller wrote stands before what the proxies added.
        ("10.0.0.1", "1.2.3.4, 203.0.113.9", ["10.0.0.0/8"], "203.0.113.9"),
        ("10.0.0.1", "1.2.3.4, 203.0.113.9, 10.0.0.7", ["10.0.0.0/8"], "203.0.113.9"),
        ("10.0.0.1", "10.0.0.9, 10.0.0.7", ["10.0.0.0/8"], "10.0.0.9"),
        ("10.0.0.1", "10.0.0.66, 203.0.113.9", ["10.0.0.0/8"], "203.0.113.9"),
        ("10.0.0.1", "rubbish", ["10.0.0.0/8"], "10.0.0.1"),
        ("10.0.0.1", "1.2.3.4, rubbish, 10.0.0.7", ["10.0.0.0/8"], "10.0.0.7"),
        ("10.0.0.1", "203.0.113.9:4711", ["10.0.0.0/8"], "203.0.113.9"),
        ("10.0.0.1", "[2001:db8::7]:4711", ["10.0.0.0/8"], "2001:db8::7"),
        ("10.0.0.1", "2001:DB8:0::7", ["10.0.0.0/8"], "2001:db8::7"),
        ("::ffff:10.0.0.1", "203.0.113.9", ["10.0.0.0/8"], "203.0.113.9"),
        ("fe80::1%eth0", None, [], "fe80::1"),
        ("", "203.0.113.9", [], ""),
        ("", "203.0.113.9", ["10.0.0.0/8"], ""),
        ("", "203.0.113.9", ["unix"], "203.0.113.9"),
        ("", "1.2.3.4, 203.0.113.9", ["unix", "10.0.0.0/8"], "203.0.113.9"),
        ("", None, ["unix"], ""),
    ],
)
def test_only_what_named_proxies_added_is_believed(asked, peer, forwarded, trusted, found):
    assert asked(peer, forwarded, trusted) == found


def test_an_endless_header_is_read_from_its_end_and_not_whole(asked):
    assert asked("10.0.0.1", "1.2.3.4, " * 1000 + "10.0.0.5", ["10.0.0.0/8"]) == "1.2.3.4"


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("", ""),
    ],
)
def test_an_ipv6_subscriber_is_counted_as_one(address, counted):
    assert neighbourhood(address) == counted
