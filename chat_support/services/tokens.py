"""A member's way into the chat."""

from dataclasses import dataclass
from datetime import datetime

from accounts.facade import chat_members, ensure_chat_ids, take
from chat_support import stream
from chat_support.people import ChatUser
from chat_support.services.stream_calls import as_user, ask_users
from core.errors import DomainError, NotFound


class ChatOff(DomainError):
    """Stream's variables are not set; tickets work without it."""

    code, status, title = "chat_off", 503, "Chat is not available"


@dataclass(frozen=True, slots=True)
class ChatToken:
    """A token of Stream's for one user; `picture` is as `ChatMember` has it."""

    token: str
    user: ChatUser
    picture: str


def make_chat_token(*, user_id: int, at: datetime) -> ChatToken:
    """Let a member who is there into the chat as themselves, and see to it that Stream knows them.

    Raises:
        ChatOff: see there.
        TooManyAttempts: they have just asked again and again.
        NotFound: they were blocked meanwhile.
    """
    if not stream.is_on():
        raise ChatOff
    take([("stream_token", str(user_id))], at=at)
    if user_id not in ensure_chat_ids([user_id]):
        raise NotFound
    member = chat_members([user_id])[user_id]
    ask_users([user_id])
    user = as_user(member)
    return ChatToken(stream.user_token(user.id, at=at), user, member.picture)
