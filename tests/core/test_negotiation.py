"""What is decided at once is decided as DRF does."""

import pytest
from rest_framework.exceptions import NotAcceptable
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import FormParser, JSONParser
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from core.api.negotiation import PlainNegotiation

ACCEPTED = ["*/*", "application/json", "application/json; indent=2", "text/html, */*;q=0.1", "text/html", ""]


class OtherRenderer(JSONRenderer):
    media_type, format = "application/other", "other"


def chosen(negotiation, accept, query=""):
    headers = {} if accept is None else {"HTTP_ACCEPT": accept}
    request = Request(APIRequestFactory().get(f"/{query}", **headers))
    renderers = [JSONRenderer(), OtherRenderer()]
    try:
        renderer, media_type = negotiation.select_renderer(request, renderers)
    except NotAcceptable:
        return "refused"
    return renderer.media_type, str(media_type)


@pytest.mark.parametrize("accept", [None, *ACCEPTED, "application/other"])
@pytest.mark.parametrize("query", ["", "?format=other"])
def test_the_renderer_is_the_one_that_drf_chooses(accept, query):
    assert chosen(PlainNegotiation(), accept, query) == chosen(DefaultContentNegotiation(), accept, query)


@pytest.mark.parametrize(
    "sent", ["application/json", "application/json; charset=utf-8", "application/x-www-form-urlencoded", ""]
)
def test_the_parser_is_the_one_that_drf_chooses(sent):
    request = Request(APIRequestFactory().generic("POST", "/", b"{}", content_type=sent))
    parsers = [JSONParser(), FormParser()]
    plain, default = (
        negotiation.select_parser(request, parsers)
        for negotiation in (PlainNegotiation(), DefaultContentNegotiation())
    )
    assert plain is default
