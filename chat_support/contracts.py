"""What crosses from chat_support to other apps."""

TICKET_OPENED = "ticket.opened"
TICKET_ANSWERED = "ticket.answered"  # an agent has written
TICKET_RESOLVED = "ticket.resolved"
TICKET_BREACHED = "ticket.breached"  # and {target: first_answer or solution}
"""Topics; the payload of each is {ticket_id, user_id}."""
