"""What members are told of their tickets.

The answer's words and the ticket's subject stay out: a push passes through others' servers and shows on a
locked screen. The app reads them behind its sign-in.
"""

from notifications.contracts import Kind, Purpose
from notifications.facade import register_kind

TICKET_ANSWERED = register_kind(
    Kind(
        name="ticket_answered",
        label="A ticket was answered",
        category="chat",
        purpose=Purpose.TRANSACTIONAL,
        title="Support has answered",
        body="There is an answer in your ticket {ticket_id}.",
        facts={"ticket_id": "1042"},
        link="ticket",
        link_fact="ticket_id",
    )
)
