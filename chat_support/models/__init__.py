"""Tickets, the support desk, and what is exchanged with Stream."""

from chat_support.models.desk import Agent, CannedAnswer, Holiday, SupportTarget, WorkingHours
from chat_support.models.stream import StreamCall, StreamWebhook
from chat_support.models.tickets import SupportTicket, TicketChange, TicketMessage

__all__ = [
    "Agent",
    "CannedAnswer",
    "Holiday",
    "StreamCall",
    "StreamWebhook",
    "SupportTarget",
    "SupportTicket",
    "TicketChange",
    "TicketMessage",
    "WorkingHours",
]
