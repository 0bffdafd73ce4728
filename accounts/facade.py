"""What other apps may call of accounts."""

from accounts.services.identifying import MembersDisagree, MemberUnknown, identify_members
from accounts.services.members import ensure_members, register_member
from accounts.services.tokens import issue_access_token

__all__ = [
    "MemberUnknown",
    "MembersDisagree",
    "ensure_members",
    "identify_members",
    "issue_access_token",
    "register_member",
]
