"""Telling members that their ticket was answered."""

from collections.abc import Collection

from chat_support.messages import TICKET_ANSWERED
from chat_support.models import TicketMessage
from notifications.contracts import Wish
from notifications.facade import notify_many


def tell_of_answers(message_ids: Collection[int]) -> int:
    """Tell the members of each answer that is still there and unread, once; return how many were told."""
    answers = TicketMessage.objects.filter(
        pk__in=message_ids,
        author=TicketMessage.Author.AGENT,
        deleted_at=None,
        ticket__unread_by_member__gt=0,
    ).values_list("pk", "ticket_id", "ticket__user_id")
    return notify_many(
        [
            Wish(
                user_id=user_id,
                kind=TICKET_ANSWERED.name,
                key=f"ticket:{ticket_id}:answer:{message_id}",
                facts={"ticket_id": ticket_id},
            )
            for message_id, ticket_id, user_id in answers
        ]
    )
