"""The support desk's part of the walk over all URLs."""

from accounts.models import User
from tests.chat_support.desk import opened
from tests.walk import Arguments, own_row, public

public.add("chat/webhooks/stream/")


@own_row("support/tickets/<int:ticket_id>/")
@own_row("support/tickets/<int:ticket_id>/close/")
@own_row("support/tickets/<int:ticket_id>/reopen/")
@own_row("support/tickets/<int:ticket_id>/read/")
@own_row("support/tickets/<int:ticket_id>/transcript/")
@own_row("support/tickets/<int:ticket_id>/transcript.txt/")
def ticket(owner: User) -> Arguments:
    return {"ticket_id": opened(owner).pk}


@own_row("support/tickets/<int:ticket_id>/messages/")
def ticket_to_write_in(owner: User) -> Arguments:
    return {**ticket(owner), "sent": lambda: {"data": {"text": "Hello?"}}}


@own_row("support/tickets/<int:ticket_id>/rate/")
def ticket_to_rate(owner: User) -> Arguments:
    return {**ticket(owner), "sent": lambda: {"data": {"rating": 5}}}
