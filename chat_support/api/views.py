"""A member's chat and tickets: translate, call, translate back."""

from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.facade import TooManyAttempts
from chat_support.api import serializers as shapes
from chat_support.rules import CLOSED, OPEN
from chat_support.selectors.tickets import member_ticket, member_tickets, messages_of
from chat_support.selectors.transcript import as_text, transcript
from chat_support.services.changing import TicketNotSolved, rate_ticket
from chat_support.services.limits import TooManyMessages, TooManyTickets
from chat_support.services.messages import mark_read
from chat_support.services.opening import open_ticket
from chat_support.services.steps import move_ticket
from chat_support.services.tokens import ChatOff, make_chat_token
from chat_support.services.writing import TicketClosed, write_message
from core.api.caller import caller_id
from core.api.paging import CursorPage
from core.api.schema import IDEMPOTENCY_KEY, refuses
from core.api.serializers import shown
from core.contracts import Actor
from core.idempotency import idempotency_key, run_once

_PAGED = [
    OpenApiParameter("limit", int, description="Rows a page: 50, at most 200."),
    OpenApiParameter("cursor", str),
]


class StreamTokenView(APIView):
    @extend_schema(
        operation_id="auth_stream_token",
        summary="A token for Stream Chat",
        description="Always the caller's own. 503 `chat_off` where this server has no Stream: tickets work "
        "without it.",
        tags=["auth"],
        request=None,
        responses=shapes.ChatTokenOutput,
    )
    @refuses(TooManyAttempts, ChatOff)
    def post(self, request: Request) -> Response:
        made = make_chat_token(user_id=caller_id(request), at=timezone.now())
        about = {"request": request, "picture": made.picture}
        answer = {
            "token": made.token,
            "user_id": made.user.id,
            "user_info": shapes.ChatUserOutput(made.user, context=about).data,
        }
        return Response(answer, headers={"Cache-Control": "no-store"})


class TicketsPage(CursorPage):
    ordering = ("-id",)


class MessagesPage(CursorPage):
    ordering = ("-said_at", "-id")


class TicketsView(APIView):
    @extend_schema(
        operation_id="support_tickets_list",
        parameters=[shapes.TicketsQuery, *_PAGED],
        responses=shapes.TicketPageOutput,
    )
    def get(self, request: Request) -> Response:
        """The member's tickets, newest first, a page at a time."""
        query = shapes.TicketsQuery.parse_query(request)
        page = TicketsPage()
        mine = member_tickets(caller_id(request), status=query.get("status"))
        rows = page.paginate_queryset(mine, request, view=self)
        return page.get_paginated_response(shapes.TicketOutput(rows, many=True).data)

    @extend_schema(
        request=shapes.TicketInput, responses={201: shapes.TicketOutput}, parameters=[IDEMPOTENCY_KEY]
    )
    @refuses(TooManyTickets)
    def post(self, request: Request) -> Response:
        """Open a ticket with its first message; its chat channel comes with it."""
        return run_once(request, lambda: self._open(request))

    def _open(self, request: Request) -> Response:
        body = shapes.TicketInput.parse(request)
        ticket = open_ticket(
            user_id=caller_id(request),
            subject=body["subject"],
            text=body["text"],
            priority=body["priority"],
            actor=Actor.of(request.user),
            at=timezone.now(),
            key=idempotency_key(request),
        )
        return Response(shown(shapes.TicketOutput, ticket), status=201)


class TicketView(APIView):
    @extend_schema(
        operation_id="support_tickets_retrieve", parameters=_PAGED, responses=shapes.TicketDetailOutput
    )
    def get(self, request: Request, ticket_id: int) -> Response:
        """One ticket with its messages, newest first, a page at a time."""
        ticket = member_ticket(caller_id(request), ticket_id)
        page = MessagesPage()
        rows = page.paginate_queryset(messages_of(ticket), request, view=self)
        messages = page.get_paginated_response(shapes.MessageOutput(rows, many=True).data).data
        return Response({**shown(shapes.TicketOutput, ticket), "messages": messages})


class MessagesView(APIView):
    @extend_schema(
        request=shapes.MessageInput, responses={201: shapes.MessageOutput}, parameters=[IDEMPOTENCY_KEY]
    )
    @refuses(TicketClosed, TooManyMessages)
    def post(self, request: Request, ticket_id: int) -> Response:
        """Write in a ticket; a resolved one is open again with that, a closed one takes nothing more."""
        return run_once(request, lambda: self._write(request, ticket_id))

    def _write(self, request: Request, ticket_id: int) -> Response:
        body = shapes.MessageInput.parse(request)
        message = write_message(
            user_id=caller_id(request),
            ticket_id=ticket_id,
            text=body["text"],
            actor=Actor.of(request.user),
            at=timezone.now(),
            key=idempotency_key(request),
        )
        return Response(shown(shapes.MessageOutput, message), status=201)


class CloseView(APIView):
    @extend_schema(request=None, responses=shapes.TicketOutput)
    def post(self, request: Request, ticket_id: int) -> Response:
        """Close a ticket that needs no answer any more."""
        return _moved(request, ticket_id, CLOSED)


class ReopenView(APIView):
    @extend_schema(request=None, responses=shapes.TicketOutput)
    def post(self, request: Request, ticket_id: int) -> Response:
        """Open a resolved or closed ticket again."""
        return _moved(request, ticket_id, OPEN)


def _moved(request: Request, ticket_id: int, to: str) -> Response:
    ticket = move_ticket(
        ticket_id=ticket_id,
        to=to,
        actor=Actor.of(request.user),
        at=timezone.now(),
        user_id=caller_id(request),
    )
    return Response(shown(shapes.TicketOutput, ticket))


class ReadView(APIView):
    @extend_schema(request=None, responses=shapes.TicketOutput)
    def post(self, request: Request, ticket_id: int) -> Response:
        """Count everything in the ticket as read."""
        ticket = mark_read(
            ticket_id=ticket_id, by_member=True, until=timezone.now(), user_id=caller_id(request)
        )
        return Response(shown(shapes.TicketOutput, ticket))


class RateView(APIView):
    @extend_schema(request=shapes.RatingInput, responses=shapes.TicketOutput)
    @refuses(TicketNotSolved)
    def post(self, request: Request, ticket_id: int) -> Response:
        """Rate how a resolved or closed ticket went; the latest rating counts."""
        body = shapes.RatingInput.parse(request)
        ticket = rate_ticket(
            user_id=caller_id(request),
            ticket_id=ticket_id,
            rating=body["rating"],
            comment=body["comment"],
            actor=Actor.of(request.user),
            at=timezone.now(),
        )
        return Response(shown(shapes.TicketOutput, ticket))


class TranscriptView(APIView):
    @extend_schema(responses=shapes.TranscriptOutput)
    def get(self, request: Request, ticket_id: int) -> Response:
        """All that was said in a ticket, oldest first."""
        found = transcript(member_ticket(caller_id(request), ticket_id))
        return Response(shapes.TranscriptOutput(found).data)


class TextOrProblem(JSONRenderer):
    """Lets a call through that accepts only text; what it renders is a refusal, which is JSON."""

    media_type = "text/plain"
    format = "txt"


class TextTranscriptView(APIView):
    renderer_classes = [TextOrProblem, JSONRenderer]

    @extend_schema(
        operation_id="support_tickets_transcript_text", responses={(200, "text/plain"): OpenApiTypes.STR}
    )
    def get(self, request: Request, ticket_id: int) -> HttpResponse:
        """All that was said in a ticket, to be read or printed."""
        ticket = member_ticket(caller_id(request), ticket_id)
        return HttpResponse(as_text(transcript(ticket)), content_type="text/plain; charset=utf-8")
