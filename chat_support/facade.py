"""What apps above may call."""

from chat_support.services.assigning import set_duty
from chat_support.services.changing import rate_ticket
from chat_support.services.desk import ensure_canned_answers
from chat_support.services.messages import mark_read
from chat_support.services.opening import open_ticket
from chat_support.services.writing import answer_ticket, write_message

__all__ = [
    "answer_ticket",
    "ensure_canned_answers",
    "mark_read",
    "open_ticket",
    "rate_ticket",
    "set_duty",
    "write_message",
]
