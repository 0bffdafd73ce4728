"""The admin's pages of the support desk."""

from chat_support.admin.agents import AgentAdmin
from chat_support.admin.calls import StreamCallAdmin
from chat_support.admin.settings import (
    CannedAnswerAdmin,
    HolidayAdmin,
    SupportTargetAdmin,
    WorkingHoursAdmin,
)
from chat_support.admin.tickets import SupportTicketAdmin
from chat_support.admin.webhooks import StreamWebhookAdmin

__all__ = [
    "AgentAdmin",
    "CannedAnswerAdmin",
    "HolidayAdmin",
    "StreamCallAdmin",
    "StreamWebhookAdmin",
    "SupportTargetAdmin",
    "SupportTicketAdmin",
    "WorkingHoursAdmin",
]
