"""What other apps may call of accounts."""

from accounts.api.keys import (
    ApiKeyAuthentication,
    HasScope,
    InsufficientScope,
    KeyAuth,
    ShopKeyNeeded,
    shop_of,
)
from accounts.phones import NotAPhone, e164
from accounts.roles import CATALOGUE_EDITOR, LOYALTY_MANAGER, OPERATOR, SUPPORT_AGENT, allow
from accounts.scopes import register_scope
from accounts.selectors import (
    chat_id_of,
    chat_members,
    member_locales,
    members_of_chat_ids,
    members_reading,
    reachable_members,
)
from accounts.services.chat_identity import ensure_chat_ids, forget_chat_id
from accounts.services.identifying import MembersDisagree, MemberUnknown, identify_members
from accounts.services.keys import make_key, usable_key
from accounts.services.limits import TooManyAttempts, take
from accounts.services.members import ensure_members, register_member
from accounts.services.tokens import issue_access_token

__all__ = [
    "CATALOGUE_EDITOR",
    "LOYALTY_MANAGER",
    "OPERATOR",
    "SUPPORT_AGENT",
    "ApiKeyAuthentication",
    "HasScope",
    "InsufficientScope",
    "KeyAuth",
    "MemberUnknown",
    "MembersDisagree",
    "NotAPhone",
    "ShopKeyNeeded",
    "TooManyAttempts",
    "allow",
    "chat_id_of",
    "chat_members",
    "e164",
    "ensure_chat_ids",
    "ensure_members",
    "forget_chat_id",
    "identify_members",
    "issue_access_token",
    "make_key",
    "member_locales",
    "members_of_chat_ids",
    "members_reading",
    "reachable_members",
    "register_member",
    "register_scope",
    "shop_of",
    "take",
    "usable_key",
]
