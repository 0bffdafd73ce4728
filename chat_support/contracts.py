"""What crosses from chat_support to other apps."""

TICKET_OPENED = "ticket.opened"
TICKET_REOPENED = "ticket.reopened"
TICKET_ANSWERED = "ticket.answered"  # and {message_id}: an agent has written; the row of the message
TICKET_RESOLVED = "ticket.resolved"
TICKET_BREACHED = "ticket.breached"  # and {target}: first_answer or solution
"""Topics; the payload of each is {ticket_id, user_id}."""

AGENT_ON_DUTY = "agent.on_duty"
"""Topic; payload {user_id}."""

STREAM_WEBHOOK = "stream.webhook"
"""Topic; payload {webhook_id}: the row's id."""
