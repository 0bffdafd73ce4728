"""Users, and what lets them in."""

from accounts.models.attempts import AttemptCount
from accounts.models.keys import ApiKey
from accounts.models.phones import PhoneChallenge
from accounts.models.roles import RoleGrant
from accounts.models.social import SocialIdentity
from accounts.models.tokens import RefreshToken
from accounts.models.users import MemberManager, User

__all__ = [
    "ApiKey",
    "AttemptCount",
    "MemberManager",
    "PhoneChallenge",
    "RefreshToken",
    "RoleGrant",
    "SocialIdentity",
    "User",
]
