"""The member's devices, preferences and inbox: translate, call, translate back."""

from typing import cast
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.api.caller import caller_id
from core.api.paging import CursorPage
from core.api.schema import refuses
from notifications.api import serializers as shapes
from notifications.selectors.devices import devices
from notifications.selectors.inbox import inbox
from notifications.selectors.preferences import preferences
from notifications.services.devices import register_device, remove_device
from notifications.services.inbox import read_all, read_message
from notifications.services.preferences import AlwaysInTheInbox, Changes, UnknownCategory, choose
from notifications.services.reports import report_delivered, report_opened


class InboxPage(CursorPage):
    ordering = ("-id",)


def _session(request: Request) -> UUID | None:
    """Return the session of the caller's access token."""
    session: UUID | None = getattr(request.auth, "session", None)
    return session


class RegisterDeviceView(APIView):
    @extend_schema(request=shapes.DeviceInput, responses=shapes.DeviceOutput)
    def post(self, request: Request) -> Response:
        """Make this device the member's: after each sign-in, and whenever Firebase gives another token.

        It may be sent again and again; a device is whose who sent it last, and signing out takes it away.
        """
        device = register_device(
            user_id=caller_id(request),
            session=_session(request),
            at=timezone.now(),
            **shapes.DeviceInput.parse(request),
        )
        return Response(shapes.DeviceOutput(device).data)


class DevicesView(APIView):
    @extend_schema(responses=shapes.DeviceOutput(many=True))
    def get(self, request: Request) -> Response:
        """The member's devices, the last seen first."""
        return Response(shapes.DeviceOutput(devices(caller_id(request)), many=True).data)


class DeviceView(APIView):
    @extend_schema(responses={204: None})
    def delete(self, request: Request, device_id: int) -> Response:
        """Take a device away."""
        remove_device(user_id=caller_id(request), device_id=device_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


class PreferencesView(APIView):
    @extend_schema(responses=shapes.PreferencesOutput)
    def get(self, request: Request) -> Response:
        """What the member hears of, on which channel, and when marketing waits."""
        return Response(shapes.PreferencesOutput(preferences(caller_id(request))).data)

    @extend_schema(request=shapes.PreferencesInput, responses=shapes.PreferencesOutput)
    @refuses(UnknownCategory, AlwaysInTheInbox)
    def patch(self, request: Request) -> Response:
        """Switch categories on and off, or choose quiet hours; what is not given stays."""
        changes = cast(Changes, shapes.PreferencesInput.parse(request))
        choose(caller_id(request), changes, at=timezone.now())
        return Response(shapes.PreferencesOutput(preferences(caller_id(request))).data)


class InboxView(APIView):
    @extend_schema(
        operation_id="notifications_inbox_list",
        parameters=[
            shapes.InboxQuery,
            OpenApiParameter("limit", int, description="Rows a page: 50, at most 200."),
            OpenApiParameter("cursor", str),
        ],
        responses=shapes.InboxPageOutput,
    )
    def get(self, request: Request) -> Response:
        """The member's inbox, newest first, a page at a time."""
        query = shapes.InboxQuery.parse_query(request)
        pages = InboxPage()
        page = pages.paginate_queryset(inbox(caller_id(request), unread=query["unread"]), request)
        return pages.get_paginated_response(shapes.InboxMessageOutput(page, many=True).data)


class UnreadView(APIView):
    @extend_schema(responses=shapes.UnreadOutput)
    def get(self, request: Request) -> Response:
        """How much of the inbox was not read yet."""
        return Response({"unread": inbox(caller_id(request), unread=True).count()})


class ReadView(APIView):
    @extend_schema(request=None, responses=shapes.InboxMessageOutput)
    def post(self, request: Request, notification_id: UUID) -> Response:
        """Mark a message as read."""
        message = read_message(user_id=caller_id(request), notification_id=notification_id, at=timezone.now())
        return Response(shapes.InboxMessageOutput(message).data)


class ReadAllView(APIView):
    @extend_schema(request=None, responses=shapes.ReadAllOutput)
    def post(self, request: Request) -> Response:
        """Mark the whole inbox as read."""
        return Response({"read": read_all(user_id=caller_id(request), at=timezone.now())})


class DeliveredView(APIView):
    @extend_schema(request=None, responses={204: None})
    def post(self, request: Request, notification_id: UUID) -> Response:
        """Report that a push has come, by the `notification_id` of its data."""
        report_delivered(
            user_id=caller_id(request),
            notification_id=notification_id,
            session=_session(request),
            at=timezone.now(),
        )
        return Response(status=status.HTTP_204_NO_CONTENT)


class OpenedView(APIView):
    @extend_schema(request=None, responses={204: None})
    def post(self, request: Request, notification_id: UUID) -> Response:
        """Report that the member has opened a push, which marks its message in the inbox as read."""
        report_opened(
            user_id=caller_id(request),
            notification_id=notification_id,
            session=_session(request),
            at=timezone.now(),
        )
        return Response(status=status.HTTP_204_NO_CONTENT)
