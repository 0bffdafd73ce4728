"""The shapes of the tickets API."""

from typing import Any

from rest_framework import serializers

from chat_support.models import SupportTicket, TicketMessage
from chat_support.people import shown_name
from chat_support.rules import UNSOLVED
from chat_support.selectors.transcript import author_name
from core.api.fields import Text
from core.api.serializers import Input

_LONGEST_TEXT = 5000
_LONGEST_COMMENT = 1000


class ChatUserOutput(serializers.Serializer[Any]):
    id = serializers.CharField()
    name = serializers.CharField(help_text="A first name; everybody in a channel sees it.")
    image = serializers.SerializerMethodField(help_text="The picture's address, or null.")

    def get_image(self, user: Any) -> str | None:
        picture: str = self.context["picture"]
        return self.context["request"].build_absolute_uri(picture) if picture else None


class ChatTokenOutput(serializers.Serializer[Any]):
    token = serializers.CharField(help_text="For Stream's SDK; good for an hour.")
    user_id = serializers.CharField(help_text="Who the member is in Stream, for ever.")
    user_info = ChatUserOutput()


class TicketsQuery(Input):
    status = serializers.ChoiceField(SupportTicket.Status.choices, required=False)


class TicketInput(Input):
    subject = Text(max_length=200)
    text = Text(max_length=_LONGEST_TEXT, help_text="The first message.")
    priority = serializers.ChoiceField(
        SupportTicket.Priority.choices, required=False, default=SupportTicket.Priority.MEDIUM
    )


class MessageInput(Input):
    text = Text(max_length=_LONGEST_TEXT)


class RatingInput(Input):
    rating = serializers.IntegerField(min_value=1, max_value=5)
    comment = Text(max_length=_LONGEST_COMMENT, required=False, allow_blank=True, default="")


class TicketOutput(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    subject = serializers.CharField()
    status = serializers.ChoiceField(SupportTicket.Status.choices)
    priority = serializers.ChoiceField(SupportTicket.Priority.choices)
    channel_id = serializers.CharField(help_text="The chat's channel in Stream.")
    agent = serializers.SerializerMethodField(help_text="Who looks after it; null while nobody does.")
    unread = serializers.IntegerField(source="unread_by_member")
    waits_for_member = serializers.SerializerMethodField(help_text="The next word is the member's.")
    opened_at = serializers.DateTimeField(source="created_at")
    last_message_at = serializers.DateTimeField(allow_null=True)
    resolved_at = serializers.DateTimeField(allow_null=True)
    closed_at = serializers.DateTimeField(allow_null=True)
    rating = serializers.IntegerField(allow_null=True)
    rating_comment = serializers.CharField()

    def get_agent(self, ticket: SupportTicket) -> str | None:
        agent = ticket.assigned_agent
        return None if agent is None else shown_name(agent.first_name, is_agent=True)

    def get_waits_for_member(self, ticket: SupportTicket) -> bool:
        return ticket.status in UNSOLVED and ticket.waiting_since is not None


class TicketPageOutput(serializers.Serializer[Any]):
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = TicketOutput(many=True)


class MessageOutput(serializers.Serializer[Any]):
    message_id = serializers.CharField(help_text="The same in Stream.")
    author = serializers.ChoiceField(TicketMessage.Author.choices)
    name = serializers.SerializerMethodField()
    text = serializers.CharField(help_text="Empty once it was deleted.")
    said_at = serializers.DateTimeField()
    edited_at = serializers.DateTimeField(allow_null=True)
    deleted_at = serializers.DateTimeField(allow_null=True)

    def get_name(self, message: TicketMessage) -> str:
        return author_name(message)


class MessagePageOutput(serializers.Serializer[Any]):
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = MessageOutput(many=True)


class TicketDetailOutput(TicketOutput):
    messages = MessagePageOutput(help_text="Newest first; `cursor` and `limit` page through them.")


class LineOutput(serializers.Serializer[Any]):
    author = serializers.ChoiceField(TicketMessage.Author.choices)
    name = serializers.CharField()
    text = serializers.CharField()
    said_at = serializers.DateTimeField()
    edited_at = serializers.DateTimeField(allow_null=True)
    deleted_at = serializers.DateTimeField(allow_null=True)


class TranscriptOutput(serializers.Serializer[Any]):
    ticket_id = serializers.IntegerField()
    subject = serializers.CharField()
    status = serializers.ChoiceField(SupportTicket.Status.choices)
    opened_at = serializers.DateTimeField()
    messages = LineOutput(many=True, help_text="Oldest first.")
