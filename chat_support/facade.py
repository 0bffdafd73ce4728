"""What apps above may call."""

from chat_support.selectors.exporting import export_member_chat
from chat_support.services.assigning import set_duty
from chat_support.services.changing import rate_ticket
from chat_support.services.desk import ensure_canned_answers
from chat_support.services.erasing import erase_member_chat
from chat_support.services.messages import mark_read
from chat_support.services.opening import open_ticket
from chat_support.services.writing import answer_ticket, write_message

__all__ = [
    "answer_ticket",
    "ensure_canned_answers",
    "erase_member_chat",
    "export_member_chat",
    "mark_read",
    "open_ticket",
    "rate_ticket",
    "set_duty",
    "write_message",
]
