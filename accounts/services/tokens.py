"""Access tokens, which are signed and not stored, and refresh tokens, which are stored as their hash."""

import hashlib
import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

import jwt
from django.conf import settings
from django.utils.crypto import salted_hmac

from accounts.models import RefreshToken
from core.errors import DomainError

ALGORITHM = "HS256"
ACCESS = "access"
_BIGINT_MAX = 2**63 - 1
# Ours have some 250 characters; nothing longer is worth a signature check.
_LONGEST = 2048


class AccessTokenRefused(DomainError):
    """The token is not one of ours, has expired, or is not for access."""

    code, status, title = "authentication_failed", 401, "Sign in again"


@dataclass(frozen=True, slots=True)
class AccessClaims:
    """Whose an access token is, when it was issued (seconds since the epoch, with a fraction), and in which
    session; one that was issued outside of a session has none."""

    user_id: int
    issued_at: float
    session: uuid.UUID | None = None


def issue_access_token(
    user_id: int, *, at: datetime, seconds: int | None = None, session: uuid.UUID | None = None
) -> str:
    """Sign a token that lets its bearer act as the user for `seconds` (settings.ACCESS_TOKEN_SECONDS)."""
    lifetime = settings.ACCESS_TOKEN_SECONDS if seconds is None else seconds
    # With its fraction: a token of the same second as "sign out everywhere" is before it or after it.
    issued = at.timestamp()
    claims = {
        "sub": str(user_id),
        "iat": issued,
        "exp": issued + lifetime,
        "jti": uuid.uuid4().hex,
        "typ": ACCESS,
    }
    if session is not None:
        claims["sid"] = session.hex
    return jwt.encode(claims, settings.SECRET_KEY, algorithm=ALGORITHM)


def read_access_token(token: str) -> AccessClaims:
    """Return whose an access token is; whether they are still let in is the caller's to ask.

    Raises:
        AccessTokenRefused: with a sentence that says no more than whether a fresh token would help.
    """
    if len(token) > _LONGEST:
        raise AccessTokenRefused("The access token is not valid.")
    try:
        claims = jwt.decode(
            token,
            settings.SECRET_KEY,
            algorithms=[ALGORITHM],
            options={"require": ["sub", "iat", "exp", "jti", "typ"]},
        )
        issued_at = float(claims["iat"])
        session = uuid.UUID(claims["sid"]) if "sid" in claims else None
    except jwt.ExpiredSignatureError:
        raise AccessTokenRefused("The access token has expired.") from None
    # PyJWT lets some malformed headers and claims through as Python's own errors.
    except (jwt.PyJWTError, ValueError, TypeError, AttributeError, ArithmeticError, RecursionError):
        raise AccessTokenRefused("The access token is not valid.") from None
    subject = claims["sub"]
    if claims["typ"] != ACCESS or not (subject.isascii() and subject.isdigit()) or len(subject) > 19:
        raise AccessTokenRefused("The access token is not valid.")
    user_id = int(subject)
    if user_id > _BIGINT_MAX:
        raise AccessTokenRefused("The access token is not valid.")
    return AccessClaims(user_id=user_id, issued_at=issued_at, session=session)


def issue_refresh_token(
    user_id: int, *, at: datetime, family: uuid.UUID | None = None, token: str | None = None
) -> str:
    """Store and return a refresh token of a new family, or of one that is there.

    It is valid for settings.REFRESH_TOKEN_SECONDS.
    """
    token = token or secrets.token_urlsafe(32)
    RefreshToken.objects.create(
        user_id=user_id,
        hash=hash_of(token),
        family=family or uuid.uuid4(),
        created_at=at,
        expires_at=at + timedelta(seconds=settings.REFRESH_TOKEN_SECONDS),
    )
    return token


def successor_of(token: str, retry_key: str | None) -> str:
    """Return the token that follows: random, or where the caller names the call, always the same one.

    So a retry of a call whose answer was lost gets the token again although only its hash was kept.
    """
    if retry_key is None:
        return secrets.token_urlsafe(32)
    return salted_hmac("accounts.successor", f"{token}\n{retry_key}", algorithm="sha256").hexdigest()


def hash_of(token: str) -> str:
    """Return what is stored of a refresh token; its 256 random bits need no salt and no slow hash."""
    return hashlib.sha256(token.encode()).hexdigest()
