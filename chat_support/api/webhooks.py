"""Where Stream tells what happens in its channels."""

from io import BytesIO
from typing import Any

from django.conf import settings
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ParseError
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from chat_support import stream
from chat_support.services.tokens import ChatOff
from chat_support.services.webhooks import take_webhook
from chat_support.stream_bodies import (
    BodyBroken,
    EncodingUnknown,
    InflatedTooLarge,
    is_digest,
    is_signed,
    plain_body,
)
from core.api.fields import AppObject, Text
from core.api.parsers import StrictJSONParser
from core.api.schema import refuses
from core.api.serializers import Input
from core.errors import DomainError

_LONGEST_ID = 100


class SignatureRefused(DomainError):
    """Stream has not sent this; which part of it was wrong is nobody else's to know."""

    code, status, title = "signature_refused", 401, "Signature refused"
    headers = {"WWW-Authenticate": "Signature"}


class _Event(Input):
    type = Text(max_length=100)


class ReceivedOutput(serializers.Serializer[Any]):
    received = serializers.BooleanField()


def _header(name: str, description: str, *, required: bool = True) -> OpenApiParameter:
    return OpenApiParameter(name, str, OpenApiParameter.HEADER, description=description, required=required)


class StreamWebhookView(APIView):
    authentication_classes = []
    permission_classes = [AllowAny]

    @extend_schema(
        operation_id="chat_webhooks_stream",
        summary="Take in a webhook of Stream's",
        description="Stream calls this, and nobody else can. A webhook that came before is answered in the "
        "same way and changes nothing; so is one of a type that changes no ticket.",
        tags=["chat"],
        request={"application/json": OpenApiTypes.OBJECT},
        responses=ReceivedOutput,
        parameters=[
            _header("X-Signature", "HMAC-SHA256 of the body before it was compressed, in hexadecimal."),
            _header("X-Webhook-Id", "The same over Stream's retries."),
            _header("X-Api-Key", "Where it is given it must be ours.", required=False),
            _header("Content-Encoding", "gzip, or none.", required=False),
        ],
    )
    @refuses(ChatOff, SignatureRefused, EncodingUnknown, InflatedTooLarge, BodyBroken)
    def post(self, request: Request) -> Response:
        event = _signed_event(request)
        take_webhook(
            webhook_id=_webhook_id(request),
            event_type=_Event.read(event)["type"],
            payload=event,
            at=timezone.now(),
        )
        return Response({"received": True})


def _signed_event(request: Request) -> dict[str, Any]:
    """Read what Stream has signed; what costs nothing to see is looked at before the body.

    Raises:
        ChatOff, SignatureRefused, EncodingUnknown, InflatedTooLarge, BodyBroken: see there.
        ParseError: it is not JSON.
        ValidationError: it is not an object that can be kept.
    """
    if not stream.is_on():
        raise ChatOff
    key, secret = settings.STREAM_CHAT_API_KEY, settings.STREAM_CHAT_SECRET
    signature = request.headers.get("X-Signature", "")
    if not is_digest(signature) or request.headers.get("X-Api-Key", key) != key:
        raise SignatureRefused
    limit = settings.STREAM_WEBHOOK_BYTES
    plain = plain_body(_body(request), encoding=request.headers.get("Content-Encoding", ""), limit=limit)
    if not is_signed(plain, signature=signature, secret=secret):
        raise SignatureRefused
    event: dict[str, Any] = AppObject(max_bytes=limit).run_validation(
        StrictJSONParser().parse(BytesIO(plain))
    )
    return event


def _body(request: Request) -> bytes:
    try:
        body: bytes = request.body
    except OSError:
        raise ParseError("The body broke off.") from None
    return body


def _webhook_id(request: Request) -> str:
    webhook_id: str = request.headers.get("X-Webhook-Id", "")
    if not 0 < len(webhook_id) <= _LONGEST_ID or not all("!" <= letter <= "~" for letter in webhook_id):
        raise serializers.ValidationError(
            {"X-Webhook-Id": [f"Must be 1 to {_LONGEST_ID} visible ASCII characters."]}
        )
    return webhook_id
