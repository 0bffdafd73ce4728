"""Every URL, as nobody, a member, another member, each role, and keys with and without the scope.

Design mistake 23: another member's row answers 404, on every endpoint. A URL that is new and that the walk
has not been told about (see `tests/walk.py`) fails here.
"""

import importlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone
from rest_framework.permissions import AllowAny
from rest_framework.test import APIClient
from rest_framework.views import APIView

from accounts.api.keys import ApiKeyAuthentication, scope_of
from accounts.models import User
from accounts.roles import ROLES
from accounts.scopes import known_scopes
from accounts.services.keys import make_key
from core.contracts import SYSTEM
from tests import walk
from tests.accounts.factories import client_of, make_user

pytestmark = pytest.mark.django_db

for found in sorted(Path(__file__).parent.glob("*/walk.py")):
    importlib.import_module(f"tests.{found.parent.name}.walk")

VERSION = "api/v1/"
METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True)
class Url:
    route: str
    view: type[APIView] | None
    methods: tuple[str, ...]

    @property
    def name(self) -> str:
        """The route as at the root, by which the walk is told about it."""
        return self.route.removeprefix(VERSION)

    @property
    def is_public(self) -> bool:
        return self.name in walk.public

    @property
    def is_by_key(self) -> bool:
        return self.view is not None and ApiKeyAuthentication in self.view.authentication_classes

    @property
    def has_arguments(self) -> bool:
        return "<" in self.route

    def path(self, arguments: dict[str, Any] | None = None) -> str:
        """Fill the arguments in; those that nobody gives are 1, which every converter takes but uuid."""
        given = arguments or {}

        def value(match: re.Match[str]) -> str:
            converter, _, name = match[1].rpartition(":")
            return str(given.get(name, "00000000-0000-0000-0000-000000000001" if converter == "uuid" else 1))

        return "/" + re.sub(r"<([^>]+)>", value, self.route)


def _urls(patterns: list[Any], prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    for pattern in patterns:
        here = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _urls(pattern.url_patterns, here)
        else:
            yield here, pattern


def _url(route: str, pattern: URLPattern) -> Url:
    view = getattr(pattern.callback, "view_class", None)
    if view is None or not issubclass(view, APIView):
        return Url(route, None, ("get",))
    return Url(route, view, tuple(method for method in METHODS if hasattr(view, method)))


ALL = [_url(route, pattern) for route, pattern in _urls(get_resolver("config.urls").url_patterns)]
IN_ADMIN = [url for url in ALL if url.route.startswith("admin/")]
CALLS = [url for url in ALL if not url.route.startswith("admin/")]
GUARDED = [url for url in CALLS if not url.is_public]
MEMBERS = [url for url in GUARDED if not url.is_by_key]
BY_KEY = [url for url in GUARDED if url.is_by_key]


def each(urls: list[Url]) -> pytest.MarkDecorator:
    pairs = [pytest.param(url, method, id=f"{method} {url.route}") for url in urls for method in url.methods]
    return pytest.mark.parametrize(("url", "method"), pairs)


def call(client: APIClient, method: str, path: str, given: dict[str, Any] | None = None) -> Any:
    """Call with the body that `given` makes, or none: what is let in gets further, to a 400 at the latest."""
    sent: dict[str, Any] = {}
    if method not in ("get", "delete"):
        sent = (given or {}).get("sent", lambda: {"data": {}})()
    response = getattr(client, method)(path, **sent)
    assert response.status_code < 500 or response.json()["code"] in ("provider_off", "chat_off"), (
        response.content
    )
    return response


def key_client(*scopes: str) -> APIClient:
    number = len(scopes)
    name = f"key {number} {scopes}"[:100]
    made = make_key(name=name, shop="corner", scopes=scopes, actor=SYSTEM, at=timezone.now())
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Api-Key {made.key}")
    return client


def staff(role: str) -> User:
    user = make_user(is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    return user


# --- nothing is left out -----------------------------------------------------------------------------------


def test_the_walk_was_told_about_every_url_and_about_no_other():
    names = {url.name for url in CALLS}
    missing = [
        f"{url.name}: it needs a {'shop_path' if url.is_by_key else 'shared_row or own_row'} (tests/walk.py)"
        for url in GUARDED
        if url.has_arguments
        and url.name not in (walk.shop_paths if url.is_by_key else walk.own_rows | walk.shared_rows)
    ]
    missing += [
        f"{url.name}: it is no REST view, so it must be in public" for url in GUARDED if url.view is None
    ]
    assert missing == []
    told = walk.public | walk.staff_only | walk.own_rows.keys() | walk.shop_paths.keys()
    told |= walk.shared_rows.keys()
    assert told - names == set()


def test_a_view_that_lets_anybody_in_is_named_as_public():
    open_to_all = {
        url.name for url in CALLS if url.view is not None and AllowAny in url.view.permission_classes
    }
    assert open_to_all - walk.public == set()


def test_every_call_answers_at_the_root_and_under_the_version():
    at_root = {url.route for url in CALLS if not url.route.startswith(VERSION)}
    versioned = {url.name for url in CALLS if url.route.startswith(VERSION)}
    own = {"health", "health/db", "metrics", "media/<path:path>"}
    documents = {"schema/", "docs/swagger/", "docs/redoc/"}
    assert at_root - own == versioned - documents


# --- who is let in -----------------------------------------------------------------------------------------


@each(CALLS)
def test_nobody_gets_in_but_where_it_is_public(url, method):
    response = call(APIClient(), method, url.path())
    if url.is_public:
        assert response.status_code not in (401, 403) or response.json()["code"] in ("refresh_refused",)
    else:
        assert response.status_code == 401
        assert response["Content-Type"] == "application/problem+json"
        assert response["WWW-Authenticate"] == ("Api-Key" if url.is_by_key else "Bearer")


@each([url for url in MEMBERS if not url.has_arguments])
def test_a_member_gets_in_and_a_key_does_not(url, method):
    response = call(client_of(make_user()), method, url.path())
    if url.name in walk.staff_only:
        assert response.status_code == 403
    else:
        assert response.status_code not in (401, 403, 404)
    assert call(key_client(*known_scopes()), method, url.path()).status_code == 401


@each([url for url in MEMBERS if url.name in walk.shared_rows])
def test_what_everybody_shares_is_there_for_every_member_and_for_no_key(url, method):
    path = url.path(walk.shared_rows[url.name]())
    assert call(client_of(make_user()), method, path).status_code not in (401, 403, 404)
    assert call(key_client(*known_scopes()), method, path).status_code == 401


@each([url for url in MEMBERS if url.name in walk.own_rows])
def test_a_row_is_there_for_its_owner_and_for_nobody_else(url, method):
    owner = make_user()
    arguments = walk.own_rows[url.name](owner)
    path = url.path(arguments)
    strangers = [make_user(), *(staff(role) for role in ROLES)]
    answers = [call(client_of(stranger), method, path, arguments).status_code for stranger in strangers]
    assert answers == [404] * len(strangers)
    assert call(key_client(*known_scopes()), method, path).status_code == 401
    assert call(client_of(owner), method, path, arguments).status_code not in (401, 403, 404)


@each(BY_KEY)
def test_a_key_gets_in_with_the_scope_and_not_without_it_and_a_member_never(url, method):
    arguments = walk.shop_paths[url.name]() if url.has_arguments else {}
    path, scope = url.path(arguments), scope_of(url.view, method.upper())
    others = [name for name in known_scopes() if name != scope]
    refused = call(key_client(*others), method, path)
    assert (refused.status_code, refused.json()["code"]) == (403, "insufficient_scope")
    assert call(key_client(scope), method, path).status_code not in (401, 403)
    for user in (make_user(), *(staff(role) for role in ROLES)):
        assert call(client_of(user), method, path).status_code == 401


@pytest.mark.parametrize("role", ROLES)
def test_a_role_opens_no_more_of_the_calls_than_a_member_has(role):
    client = client_of(staff(role))
    for url in MEMBERS:
        if not url.has_arguments and url.name not in walk.staff_only:
            # 400 is for who was let in and asked for nothing.
            assert call(client, "get", url.path()).status_code in (200, 400, 405), url.route


# --- the admin ---------------------------------------------------------------------------------------------

OWN_PAGES = {
    "admin/",
    "admin/password_change/",
    "admin/password_change/done/",
    "admin/jsi18n/",
}
"""What every member of staff may open."""


def _admin_path(url: Url) -> str:
    return url.path() if url.route != "admin/(?P<url>.*)$" else "/admin/nothing/"


@pytest.mark.parametrize("who", ["nobody", "a member", "a member's token"])
def test_the_admin_is_closed_to_who_is_not_staff(client, who):
    headers = {}
    if who == "a member":
        client.force_login(make_user())
    elif who == "a member's token":
        headers = {"HTTP_AUTHORIZATION": client_of(make_user())._credentials["HTTP_AUTHORIZATION"]}
    for url in IN_ADMIN:
        if url.route in ("admin/login/",):
            continue
        response = client.get(_admin_path(url), **headers)
        assert response.status_code in (302, 405), url.route
        if response.status_code == 302:
            assert response["Location"].startswith("/admin/"), url.route


def test_staff_without_a_role_open_their_own_pages_and_nothing_else(client):
    client.force_login(make_user(is_staff=True))
    opened = {url.route for url in IN_ADMIN if client.get(_admin_path(url)).status_code == 200}
    assert opened - {"admin/login/"} == OWN_PAGES


@pytest.mark.parametrize("role", ROLES)
def test_a_role_opens_the_lists_that_it_may_see_and_no_others(client, role):
    user = staff(role)
    client.force_login(user)
    seen = set()
    for model in admin.site._registry:
        meta = model._meta
        # Followed, since a list of one row leads to its page.
        response = client.get(f"/admin/{meta.app_label}/{meta.model_name}/", follow=True)
        may = user.has_perm(f"{meta.app_label}.view_{meta.model_name}") or user.has_perm(
            f"{meta.app_label}.change_{meta.model_name}"
        )
        if not may:
            assert response.status_code == 403, meta.label
        else:
            assert response.status_code == 200, meta.label
            seen.add(meta.label)
    assert seen
    assert client.get("/admin/auth/group/").status_code == 403
