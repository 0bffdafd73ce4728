"""Walking through the admin's pages as a browser does."""

import html
import re
from typing import Any

from django.test import Client


def text(response: Any) -> str:
    """Return a page as it reads: no tags, single spaces."""
    page = re.sub(r"(?s)<(script|style).*?</\1>", " ", response.content.decode())
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


def said(response: Any) -> list[str]:
    """Return the messages that a followed redirect arrived with."""
    return [str(message) for message in response.context["messages"]]


def hidden_fields(response: Any) -> dict[str, str]:
    """Return what a page's form carries on, unescaped."""
    inputs = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', response.content.decode())
    return {name: html.unescape(value) for name, value in inputs if name != "csrfmiddlewaretoken"}


def confirm(client: Client, path: str, preview: Any, reason: str = "Because", **changed: str) -> Any:
    """Confirm a preview as its button does."""
    body = {**hidden_fields(preview), "confirm-reason": reason, "_confirmed": "Save", **changed}
    return client.post(path, body, follow=True)


def listed(response: Any) -> list[Any]:
    return list(response.context["cl"].result_list)
