"""What a ticket asks of Stream: rows that a sender carries out, in the order in which they were written."""

from typing import Any

from chat_support.models import StreamCall, SupportTicket, TicketMessage


def ask_channel(ticket: SupportTicket) -> None:
    """Have the ticket's channel made, with its member in it."""
    _ask(
        StreamCall.Action.OPEN_CHANNEL,
        ticket,
        key=f"channel:{ticket.channel_id}:open",
        ticket_id=ticket.pk,
        user_id=ticket.user_id,
    )


def ask_message(ticket: SupportTicket, message: TicketMessage) -> None:
    """Have a message written in the ticket's channel in its author's name, under the id that it has here."""
    _ask(
        StreamCall.Action.SEND_MESSAGE,
        ticket,
        key=f"message:{message.message_id}",
        message_id=message.message_id,
        user_id=message.user_id,
        text=message.text,
    )


def _ask(action: StreamCall.Action, ticket: SupportTicket, *, key: str, **arguments: Any) -> None:
    call = StreamCall(
        action=action,
        subject=f"channel:{ticket.channel_id}",
        key=key,
        arguments={"channel_id": ticket.channel_id, **arguments},
    )
    StreamCall.objects.bulk_create([call], ignore_conflicts=True)
