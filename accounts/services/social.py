"""Signing in, or becoming a member, with an account at Google, Apple or Facebook."""

from datetime import datetime

from django.db import IntegrityError, transaction

from accounts.identity_tokens import Identity, read_id_token
from accounts.models import SocialIdentity, User
from accounts.services.members import EmailTaken, register_nameless_member
from accounts.services.sessions import SignedIn, begin_session
from core.errors import DomainError

_ATTEMPTS = 3


class OtherIdentityLinked(DomainError):
    """The member with this e-mail signs in with another account at this provider."""

    code, status, title = "other_identity_linked", 409, "Another account is linked already"


def sign_in_with(
    *,
    provider: str,
    id_token: str,
    nonce: str | None = None,
    referral_code: str | None = None,
    at: datetime,
) -> SignedIn:
    """Sign in whom an id token names; an unknown one is linked to a member, or becomes one.

    Linked are only members whose e-mail both the provider and we have verified: else who registers with
    somebody's address would wait in the account for its owner, or take it from them.

    Raises:
        ProviderOff, ProviderAway, IdTokenRefused: from reading the token.
        OtherIdentityLinked: see there.
        MemberBlocked: the member may not come in.
    """
    identity = read_id_token(provider, id_token, nonce=nonce)
    for _ in range(_ATTEMPTS):
        known = SocialIdentity.objects.filter(provider=provider, subject=identity.subject)
        user_id = known.values_list("user_id", flat=True).first()
        try:
            with transaction.atomic():
                if user_id is not None:
                    known.update(last_used_at=at, updated_at=at, email=identity.email)
                    return begin_session(user_id, at=at)
                return _first_time(identity, at=at, referral_code=referral_code)
        except _JustLinked:
            continue
    raise OtherIdentityLinked


class _JustLinked(Exception):
    """The same identity was linked at the same moment; look again."""


def _first_time(identity: Identity, *, at: datetime, referral_code: str | None) -> SignedIn:
    user_id = _verified_owner(identity.email)
    is_new = user_id is None
    if user_id is None:
        user_id = _register(identity, at=at, referral_code=referral_code)
    try:
        with transaction.atomic():
            SocialIdentity.objects.create(
                user_id=user_id,
                provider=identity.provider,
                subject=identity.subject,
                email=identity.email,
                created_at=at,
                last_used_at=at,
            )
    except IntegrityError as error:
        constraint = getattr(getattr(error.__cause__, "diag", None), "constraint_name", None)
        if constraint == "social_identities_subject_once":
            raise _JustLinked from None
        if constraint == "social_identities_one_a_member":
            raise OtherIdentityLinked from None
        raise
    return begin_session(user_id, at=at, is_new_member=is_new)


def _verified_owner(email: str) -> int | None:
    if not email:
        return None
    owner = User.objects.filter(email__iexact=email).exclude(email_verified_at=None)
    return owner.values_list("pk", flat=True).first()


def _register(identity: Identity, *, at: datetime, referral_code: str | None) -> int:
    def register(email: str | None) -> int:
        return register_nameless_member(
            at=at,
            email=email,
            first_name=identity.first_name,
            last_name=identity.last_name,
            referral_code=referral_code,
        )

    if not identity.email:
        return register(None)
    try:
        user_id = register(identity.email)
    except EmailTaken:
        # By somebody who never verified it: theirs stays, and the new member verifies it later or never.
        return register(None)
    User.objects.filter(pk=user_id).update(email_verified_at=at)
    return user_id
