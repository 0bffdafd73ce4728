"""Shops' systems and their API keys."""

import itertools

from django.utils import timezone
from rest_framework.test import APIClient

from accounts.services.keys import make_key
from core.contracts import SYSTEM

_numbers = itertools.count(1)


def shop_client(*scopes: str, shop: str | None = "corner") -> APIClient:
    """A client that sends a key of this shop with these scopes."""
    name = f"key {next(_numbers)}"
    made = make_key(name=name, scopes=scopes, shop=shop, actor=SYSTEM, at=timezone.now())
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Api-Key {made.key}")
    return client
