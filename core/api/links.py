"""Taking a link apart, for the app that was opened by it."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core import links
from core.api.fields import Text
from core.api.schema import refuses
from core.api.serializers import Input
from core.errors import DomainError

KINDS = [(kind, kind) for kind in links.kinds()]


class UnknownLink(DomainError):
    """The link leads nowhere in the app."""

    code, status, title = "unknown_link", 404, "This link leads nowhere"


class LinkQuery(Input):
    url = Text(max_length=300, help_text="The link as it was opened: markethub://orders/17.")


class TargetOutput(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(KINDS)
    id = serializers.CharField(allow_blank=True, help_text="Empty where there is one for everybody.")


class ResolveLinkView(APIView):
    @extend_schema(parameters=[LinkQuery], responses=TargetOutput)
    @refuses(UnknownLink)
    def get(self, request: Request) -> Response:
        """Where a link leads: to what kind of thing, and to which of them.

        Whether the member may see it is asked when it is opened.
        """
        target = links.target_of(LinkQuery.parse_query(request)["url"])
        if target is None:
            raise UnknownLink
        return Response(TargetOutput(target).data)
