"""Signing in, or becoming a member, by a code sent to a phone."""

import logging
import secrets
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils.crypto import constant_time_compare, salted_hmac

from accounts.models import PhoneChallenge, User
from accounts.models.phones import MOST_TRIES
from accounts.senders import code_sender
from accounts.services.limits import Attempt, give_back, take
from accounts.services.members import PhoneTaken, register_nameless_member
from accounts.services.sessions import SignedIn, begin_session
from core.api.client_address import neighbourhood
from core.errors import DomainError

logger = logging.getLogger(__name__)

_PREFIX_LEAVES = 4
"""A prefix is a number without its last digits: those who make money by calls to themselves own ranges."""


class CodeNotSent(DomainError):
    """The code could not be sent; it does not count as sent."""

    code, status, title = "code_not_sent", 503, "The code could not be sent"


class CodeExpired(DomainError):
    """The code is used or too old, was guessed at too often, or was never sent."""

    code, status, title = "code_expired", 400, "Ask for a new code"


class WrongCode(DomainError):
    """It is not the code that was sent; `tries_left` says how many guesses are left."""

    code, status, title = "wrong_code", 400, "Wrong code"


def send_code(*, phone: str, address: str, at: datetime) -> UUID:
    """Send six digits to a phone (E.164) and return the id to give back with them.

    Whether the phone is a member's is not looked up: there is nothing that could tell.

    Raises:
        TooManyAttempts: to this phone, its prefix, or from this address (`settings.ATTEMPT_LIMITS`).
        CodeNotSent: the sender failed.
    """
    attempts: list[Attempt] = [("otp_phone", phone), ("otp_prefix", phone[:-_PREFIX_LEAVES])]
    if address:
        attempts.append(("otp_address", neighbourhood(address)))
    take(attempts, at=at)
    code = f"{secrets.randbelow(10**6):06d}"
    challenge = PhoneChallenge(
        phone=phone,
        address=address or None,
        created_at=at,
        expires_at=at + timedelta(seconds=settings.OTP_SECONDS),
    )
    challenge.code_hash = _hash_of(challenge.otp_id, code)
    challenge.save(force_insert=True)
    try:
        code_sender()(phone, code)
    except Exception as error:  # whatever a sender raises, and it may hold the number
        logger.warning("a code could not be sent: %s", type(error).__name__)
        challenge.delete()
        give_back(attempts, at=at)
        raise CodeNotSent from None
    PhoneChallenge.objects.filter(pk=challenge.pk).update(sent_at=at, updated_at=at)
    return challenge.otp_id


def verify_code(*, otp_id: UUID, code: str, at: datetime, referral_code: str | None = None) -> SignedIn:
    """Sign in the owner of the phone that a code was sent to; an unknown phone makes a new member.

    A guess is counted, and committed, before it is judged: neither an exception nor twenty guesses at once
    get a sixth.

    Raises:
        CodeExpired: too old, used, guessed at five times, or unknown.
        WrongCode: these are not the digits.
        MemberBlocked: they are, but their owner may not come in.
    """
    with transaction.atomic(durable=True):
        tries = PhoneChallenge.objects.filter(
            otp_id=otp_id, used_at=None, expires_at__gt=at, tries__lt=MOST_TRIES
        ).update(tries=F("tries") + 1, updated_at=at)
    challenge = PhoneChallenge.objects.filter(otp_id=otp_id).first() if tries else None
    if challenge is None:
        raise CodeExpired
    if not constant_time_compare(challenge.code_hash, _hash_of(otp_id, code)):
        raise WrongCode(tries_left=MOST_TRIES - challenge.tries)
    try:
        return _come_in(challenge, at=at, referral_code=referral_code)
    except PhoneTaken:
        # Another code to the same phone made the member a moment ago.
        return _come_in(challenge, at=at, referral_code=referral_code)


@transaction.atomic
def _come_in(challenge: PhoneChallenge, *, at: datetime, referral_code: str | None) -> SignedIn:
    if not PhoneChallenge.objects.filter(pk=challenge.pk, used_at=None).update(used_at=at, updated_at=at):
        raise CodeExpired
    user_id = User.objects.filter(phone=challenge.phone).values_list("pk", flat=True).first()
    is_new = user_id is None
    if user_id is None:
        user_id = register_nameless_member(phone=challenge.phone, at=at, referral_code=referral_code)
    signed_in = begin_session(user_id, at=at, is_new_member=is_new)
    User.objects.filter(pk=user_id).update(phone_verified_at=at, updated_at=at)
    return signed_in


def _hash_of(otp_id: UUID, code: str) -> str:
    return salted_hmac("accounts.otp", f"{otp_id}:{code}", algorithm="sha256").hexdigest()
