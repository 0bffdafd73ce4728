"""Which shape an answer has: JSON for nearly everybody, who is not kept waiting for the general case."""

from collections.abc import Iterable
from typing import Any

from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request


class PlainNegotiation(DefaultContentNegotiation):
    """Decides as DRF does, but at once where what is sent and wanted is what the view prefers."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser | None:
        preferred = next(iter(parsers), None)
        if preferred is not None and request.content_type == preferred.media_type:
            return preferred
        return super().select_parser(request, parsers)

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, Any]:
        preferred = next(iter(renderers))
        accepted = request.META.get("HTTP_ACCEPT", "*/*")
        if (
            accepted in ("*/*", preferred.media_type)
            and format_suffix is None
            and self.settings.URL_FORMAT_OVERRIDE not in request.query_params
        ):
            return preferred, preferred.media_type
        chosen: tuple[BaseRenderer, Any] = super().select_renderer(request, renderers, format_suffix)
        return chosen
