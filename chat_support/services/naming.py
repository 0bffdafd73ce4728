"""Names of channels and messages, ours and Stream's: the same wish has the same name for ever."""

from uuid import NAMESPACE_URL, uuid5

_TICKETS = uuid5(NAMESPACE_URL, "urn:markethub:tickets")


def channel_name(user_id: int, key: str) -> str:
    """Name the channel of the ticket that a member opens under a key of their own."""
    return f"ticket-{uuid5(_TICKETS, f'{user_id}:{key}').hex}"


def message_name(channel_id: str, key: str) -> str:
    """Name a message of a channel by a key that is its author's own."""
    return uuid5(_TICKETS, f"{channel_id}:{key}").hex
