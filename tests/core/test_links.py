"""Links into the app: written and read by one table."""

import pytest

from core import links
from core.links import Target, link, target_of
from tests.accounts.factories import client_of, make_user


@pytest.mark.parametrize(
    ("kind", "id", "url"),
    [
        ("product", 17, "markethub://products/17"),
        ("order", "17", "markethub://orders/17"),
        ("ticket", 5, "markethub://tickets/5"),
        ("voucher", "V0123456789abcdef", "markethub://vouchers/V0123456789abcdef"),
        ("voucher", "a/b ?#", "markethub://vouchers/a%2Fb%20%3F%23"),
        ("tier", "", "markethub://tier"),
        ("inbox", "", "markethub://inbox"),
    ],
)
def test_what_is_written_is_read_again(kind, id, url):
    assert link(kind, id) == url
    assert target_of(url) == Target(kind, str(id))
    assert target_of(url + "?utm_source=mail#top") == Target(kind, str(id))


@pytest.mark.parametrize(("kind", "id"), [("order", ""), ("inbox", 3), ("moon", 1)])
def test_a_link_that_leads_nowhere_is_not_written(kind, id):
    with pytest.raises(ValueError, match=kind):
        link(kind, id)


@pytest.mark.parametrize(
    "url",
    ["", "markethub://", "markethub://orders", "markethub://orders/1/2", "https://orders/1", "x" * 400],
)
def test_what_is_not_ours_is_not_read(url):
    assert target_of(url) is None


def test_a_site_that_the_app_has_claimed_works_as_well(settings):
    settings.APP_LINK = "https://go.example.com/"
    assert link("order", 17) == "https://go.example.com/orders/17"
    assert target_of("https://go.example.com/orders/17/") == Target("order", "17")
    assert target_of("https://evil.example.com/orders/17") is None


@pytest.mark.django_db
def test_the_app_asks_where_a_link_leads():
    client = client_of(make_user())
    assert client.get("/api/v1/links/resolve/", {"url": "markethub://orders/17"}).json() == {
        "kind": "order",
        "id": "17",
    }
    nowhere = client.get("/links/resolve/", {"url": "markethub://moon/1"})
    assert (nowhere.status_code, nowhere.json()["code"]) == (404, "unknown_link")
    assert "url" in client.get("/links/resolve/").json()["errors"]
    assert set(links.kinds()) == {"product", "order", "ticket", "voucher", "tier", "inbox"}
