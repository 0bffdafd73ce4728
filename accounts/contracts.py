"""What other apps may know of members: topics and row shapes."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

MEMBER_JOINED = "member.joined"
"""Topic; payload {user_id}, and {referral_code} where the new member gave one (as given, not checked)."""

SESSION_ENDED = "session.ended"
"""Topic; payload {user_id, session, ended_at}: the session's id in hex, null when all of the member's have
ended that began before the time (ISO 8601)."""


MEMBER_CHANGED = "member.changed"
"""Topic; payload {user_id}: what others see of the member, names or picture, is not what it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberRow:
    """One member for `ensure_members`, known elsewhere as `external_id`.

    Without a `username` the member is called `member-<external_id>`.
    """

    external_id: str
    joined_at: datetime
    username: str = ""
    email: str | None = None
    phone: str | None = None
    first_name: str = ""
    last_name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberClaim:
    """Who a shop says somebody is, for `identify_members`; at least one of the three is given."""

    external_id: str | None = None
    phone: str | None = None
    email: str | None = None


@dataclass(frozen=True, slots=True)
class MemberLocale:
    """In which language a member reads, and by which clock they live."""

    language: str
    zone: ZoneInfo


@dataclass(frozen=True, slots=True)
class ChatMember:
    """What a chat needs to know of a member; `chat_id` is None where they have none (`ensure_chat_ids`).

    `picture` is its address as the storage has it: below this site, or elsewhere; "" where there is none.
    """

    user_id: int
    chat_id: str | None
    first_name: str
    picture: str
    is_staff: bool
