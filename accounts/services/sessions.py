"""A member's sessions: a family of refresh tokens each, begun, carried on and ended.

Whoever changes a member's tokens holds the lock on the member's row, so that a token which is being
exchanged cannot slip out of the family, or the account, that is being ended.
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from django.conf import settings
from django.db import transaction

from accounts.contracts import SESSION_ENDED
from accounts.models import RefreshToken, User
from accounts.services.tokens import hash_of, issue_access_token, issue_refresh_token, successor_of
from core import outbox
from core.errors import DomainError

logger = logging.getLogger(__name__)

RACE = timedelta(seconds=10)
"""A second use of a token this soon is the same app twice, and not a thief."""
RETRY = timedelta(minutes=5)
"""How long a retry with the key of the first call gets the first call's answer."""


class MemberBlocked(DomainError):
    """The member has been blocked."""

    code, status, title = "member_blocked", 403, "This account is blocked"


class RefreshRefused(DomainError):
    """The refresh token is unknown, expired or revoked, or was used before, which ended its family."""

    code, status, title = "refresh_refused", 401, "Sign in again"
    headers = {"WWW-Authenticate": "Bearer"}


class RefreshRaced(DomainError):
    """Another call has exchanged the token a moment ago; its tokens are the ones to use."""

    code, status, title = "refresh_raced", 409, "The tokens have just been refreshed"
    headers = {"Retry-After": "1"}


@dataclass(frozen=True, slots=True)
class SignedIn:
    """The tokens of one session; `expires_in` is the access token's life in seconds."""

    access: str
    refresh: str
    expires_in: int
    is_new_member: bool = False


def lock_user(user_id: int) -> User | None:
    """Lock a user's row against other changes of their tokens; the first lock of whoever takes it."""
    return User.objects.select_for_update(no_key=True).filter(pk=user_id).first()


@transaction.atomic
def begin_session(user_id: int, *, at: datetime, is_new_member: bool = False) -> SignedIn:
    """Begin a family of tokens for a member who has proved who they are.

    Raises:
        MemberBlocked: they may not come in.
    """
    user = lock_user(user_id)
    if user is None or not user.is_active:
        raise MemberBlocked
    User.objects.filter(pk=user_id).update(last_login=at, updated_at=at)
    family = uuid4()
    refresh = issue_refresh_token(user_id, at=at, family=family)
    return _signed_in(user_id, refresh, family, at=at, is_new_member=is_new_member)


def refresh_session(*, token: str, at: datetime, retry_key: str | None = None) -> SignedIn:
    """Change a refresh token for a new pair; of two calls with one token exactly one gets it.

    With a `retry_key` the same call may be made again when its answer was lost. A token that comes back
    later than `RACE` ends its whole family, since one of the two who hold it stole it (RFC 9700, 4.14.2).

    Raises:
        RefreshRefused: it is no good; what had to be ended is ended and committed.
        RefreshRaced: another call was faster, and the family lives.
    """
    outcome = _exchange(token=token, at=at, retry_key=retry_key)
    if isinstance(outcome, DomainError):
        raise outcome
    return outcome


@transaction.atomic(durable=True)
def _exchange(*, token: str, at: datetime, retry_key: str | None) -> SignedIn | DomainError:
    """Return the refusal instead of raising it: a raised one would undo the end of the family."""
    digest = hash_of(token)
    user_id = RefreshToken.objects.filter(hash=digest).values_list("user_id", flat=True).first()
    user = lock_user(user_id) if user_id is not None else None
    # Read after the lock: only then is what the last exchange or the last revocation wrote to be seen.
    row = RefreshToken.objects.filter(hash=digest).first() if user is not None else None
    if user is None or row is None or row.revoked_at or row.expires_at <= at or not user.is_active:
        return RefreshRefused()
    if row.used_at is not None:
        return _second_use(row, token=token, used_at=row.used_at, at=at, retry_key=retry_key)
    successor = successor_of(token, retry_key)
    RefreshToken.objects.filter(pk=row.pk).update(used_at=at, successor=hash_of(successor), updated_at=at)
    issue_refresh_token(user.pk, at=at, family=row.family, token=successor)
    User.objects.filter(pk=user.pk).update(last_token_refresh=at, updated_at=at)
    return _signed_in(user.pk, successor, row.family, at=at)


def _second_use(
    row: RefreshToken, *, token: str, used_at: datetime, at: datetime, retry_key: str | None
) -> SignedIn | DomainError:
    if retry_key is not None and at - used_at <= RETRY:
        successor = successor_of(token, retry_key)
        following = RefreshToken.objects.filter(hash=row.successor, used_at=None, revoked_at=None)
        if row.successor == hash_of(successor) and following.exists():
            return _signed_in(row.user_id, successor, row.family, at=at)
    if at - used_at <= RACE:
        return RefreshRaced()
    _end(row.user_id, at=at, family=row.family)
    logger.warning("a refresh token of user %d was used twice: its family has ended", row.user_id)
    return RefreshRefused("This refresh token was used before: sign in again.")


@transaction.atomic
def end_session(*, token: str, at: datetime) -> None:
    """End the family of a refresh token, whichever of its tokens this is; an unknown one ends nothing."""
    found = RefreshToken.objects.filter(hash=hash_of(token)).values_list("user_id", "family").first()
    if found is not None:
        user_id, family = found
        lock_user(user_id)
        _end(user_id, at=at, family=family)


@transaction.atomic
def end_all_sessions(user_id: int, *, at: datetime) -> None:
    """End every family of a member, and refuse the access tokens issued until now."""
    lock_user(user_id)
    _end(user_id, at=at)
    User.objects.filter(pk=user_id).update(tokens_valid_from=at, updated_at=at)


def _end(user_id: int, *, at: datetime, family: UUID | None = None) -> None:
    """End one family of the member's, or all of them."""
    tokens = RefreshToken.objects.filter(user_id=user_id, revoked_at=None)
    if family is not None:
        tokens = tokens.filter(family=family)
    tokens.update(revoked_at=at, updated_at=at)
    outbox.publish(
        SESSION_ENDED,
        user_id=user_id,
        session=family.hex if family else None,
        ended_at=at.isoformat(),
    )


def _signed_in(
    user_id: int, refresh: str, session: UUID, *, at: datetime, is_new_member: bool = False
) -> SignedIn:
    return SignedIn(
        access=issue_access_token(user_id, at=at, session=session),
        refresh=refresh,
        expires_in=settings.ACCESS_TOKEN_SECONDS,
        is_new_member=is_new_member,
    )
