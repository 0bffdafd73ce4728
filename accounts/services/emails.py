"""A member's e-mail: changed once somebody has answered from there."""

import logging
from datetime import datetime

from django.conf import settings
from django.core import signing
from django.core.mail import EmailMessage
from django.db import IntegrityError, transaction

from accounts.models import User
from accounts.services.limits import Attempt, give_back, take
from accounts.services.members import EmailTaken
from accounts.services.sessions import lock_user
from core.errors import DomainError

logger = logging.getLogger(__name__)

_SALT = "accounts.email"
_NOWHERE = "django.core.mail.backends.dummy.EmailBackend"
_TEXT = """Somebody, we hope you, wants this address to be the e-mail of a MarketHub account.

If it was you, open this link within a day:

{link}

or give this to the app:

{token}

If it was not you, do nothing.
"""


class EmailNotSent(DomainError):
    """No message can be sent now; nothing has changed."""

    code, status, title = "email_not_sent", 503, "The e-mail could not be sent"


class EmailTokenRefused(DomainError):
    """The token is not ours or too old, or the e-mail was changed since it was sent."""

    code, status, title = "email_token_refused", 400, "Ask for a new e-mail"


def send_verification(*, user: User, email: str, at: datetime) -> None:
    """Send a link to an address that the member wants as their e-mail, or wants verified.

    Whether another member has the address is not looked up: only who reads its mail is told, by
    `verify_email`.

    Raises:
        TooManyAttempts: from this member, or to this address.
        EmailNotSent: the mail server failed, or none is configured.
    """
    attempts: list[Attempt] = [("email_member", str(user.pk)), ("email_to", email.casefold())]
    take(attempts, at=at)
    claims = {"user": user.pk, "email": email, "instead_of": user.email or ""}
    token = signing.dumps(claims, salt=_SALT)
    link = settings.EMAIL_VERIFICATION_LINK.format(token=token)
    message = EmailMessage("Your e-mail at MarketHub", _TEXT.format(link=link, token=token), to=[email])
    try:
        if settings.EMAIL_BACKEND == _NOWHERE:
            raise ConnectionError("EMAIL_HOST is not set")
        message.send()
    except Exception as error:  # whatever the backend raises, and it may hold the address
        logger.warning("a verification could not be sent: %s", type(error).__name__)
        give_back(attempts, at=at)
        raise EmailNotSent from None


def verify_email(*, token: str, at: datetime) -> str:
    """Make the address that a token was sent to its member's e-mail, and return it.

    The same token again changes nothing.

    Raises:
        EmailTokenRefused: see there.
        EmailTaken: another member has the address by now.
    """
    try:
        claims = signing.loads(token, salt=_SALT, max_age=settings.EMAIL_VERIFICATION_SECONDS)
    except signing.BadSignature:
        raise EmailTokenRefused from None
    email: str = claims["email"]
    try:
        with transaction.atomic():
            user = lock_user(claims["user"])
            current = "" if user is None else user.email or ""
            if user is None or not user.is_active or current not in (claims["instead_of"], email):
                raise EmailTokenRefused
            if current == email and user.email_verified_at is not None:
                return email
            user.email, user.email_verified_at, user.updated_at = email, at, at
            user.save(update_fields=["email", "email_verified_at", "updated_at"])
    except IntegrityError as error:
        diagnosis = getattr(error.__cause__, "diag", None)
        if getattr(diagnosis, "constraint_name", None) == "users_email_unique":
            raise EmailTaken from None
        raise
    return email
