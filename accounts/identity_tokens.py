"""Id tokens of Google, Apple and Facebook: who somebody is, signed by them (OpenID Connect Core, 3.1.3.7)."""

import hashlib
import json
import logging
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import Any

import jwt
from django.conf import settings
from django.utils.crypto import constant_time_compare

from core.errors import DomainError

logger = logging.getLogger(__name__)

ALGORITHM = "RS256"  # all three sign so, and nothing else is taken
_FRESH_SECONDS = 3600.0
_STALE_SECONDS = 24 * 3600.0
_TIMEOUT_SECONDS = 3.0
# However many unknown key ids are sent in, the keys are not fetched more often.
_REST_SECONDS = 30.0
_MOST_BYTES = 256 * 1024
_LONGEST_TOKEN = 8192
_CLOCK_SKEW_SECONDS = 30
_clock = time.monotonic


class ProviderOff(DomainError):
    """The ids are not configured that this provider knows our apps by."""

    code, status, title = "provider_off", 503, "This way of signing in is not available"


class ProviderAway(DomainError):
    """The provider's keys cannot be had just now."""

    code, status, title = "provider_away", 503, "The provider cannot be reached; try again later"
    headers = {"Retry-After": "30"}


class IdTokenRefused(DomainError):
    """The token is not the provider's, not for us, too old, or for another sign-in."""

    code, status, title = "id_token_refused", 401, "The provider's answer was not accepted"
    headers = {"WWW-Authenticate": "Bearer"}


@dataclass(frozen=True, slots=True)
class Identity:
    """Who somebody is at a provider; `email` is "" unless the provider has verified it."""

    provider: str
    subject: str
    email: str = ""
    first_name: str = ""
    last_name: str = ""


def read_id_token(provider: str, token: str, *, nonce: str | None = None) -> Identity:
    """Check an id token (signature, issuer, audience, times, and the nonce where one is given).

    Raises:
        ProviderOff, ProviderAway, IdTokenRefused: see there.
    """
    configured = settings.SOCIAL_PROVIDERS[provider]
    if not configured["client_ids"]:
        raise ProviderOff
    if len(token) > _LONGEST_TOKEN:
        raise IdTokenRefused
    try:
        key_id = jwt.get_unverified_header(token).get("kid")
        if not isinstance(key_id, str):
            raise IdTokenRefused
        key = _keys_of(configured["jwks_url"]).key(key_id)
        if key is None:
            raise IdTokenRefused
        claims = jwt.decode(
            token,
            key,
            algorithms=[ALGORITHM],
            audience=configured["client_ids"],
            issuer=configured["issuers"],
            leeway=_CLOCK_SKEW_SECONDS,
            options={"require": ["iss", "aud", "sub", "exp", "iat"]},
        )
    # PyJWT lets some malformed headers and claims through as Python's own errors.
    except (jwt.PyJWTError, ValueError, TypeError, ArithmeticError, RecursionError):
        raise IdTokenRefused from None
    if nonce is not None and not _is_nonce(claims.get("nonce"), nonce):
        raise IdTokenRefused
    return _identity(provider, claims)


def _is_nonce(claimed: Any, nonce: str) -> bool:
    """Whether the claim is the nonce or its SHA-256, which Apple's libraries are given in its place."""
    hashed = hashlib.sha256(nonce.encode()).hexdigest()
    return isinstance(claimed, str) and any(constant_time_compare(claimed, one) for one in (nonce, hashed))


def _identity(provider: str, claims: dict[str, Any]) -> Identity:
    def text(name: str, longest: int) -> str:
        value = claims.get(name)
        return value.replace("\0", "")[:longest].strip() if isinstance(value, str) else ""

    subject = claims["sub"]
    if not 0 < len(subject) <= 255 or "\0" in subject:
        raise IdTokenRefused
    email = text("email", 255)
    # Apple says it as a word; Facebook does not say it.
    said = claims.get("email_verified")
    verified = (said is True or said == "true") and len(email) <= 254 and "@" in email
    return Identity(
        provider=provider,
        subject=subject,
        email=email if verified else "",
        first_name=text("given_name", 150),
        last_name=text("family_name", 150),
    )


@dataclass
class _Keys:
    """The keys at one address, kept in this process."""

    url: str
    keys: dict[str, jwt.PyJWK] = field(default_factory=dict)
    fetched_at: float | None = None
    asked_at: float | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def key(self, key_id: str) -> jwt.PyJWK | None:
        """Return a key by its id, None where the provider has no such key.

        Raises:
            ProviderAway: it has not told its keys for a day.
        """
        with self.lock:
            if not self._is_younger(_FRESH_SECONDS) or key_id not in self.keys:
                self._fetch()
            if not self._is_younger(_STALE_SECONDS):
                raise ProviderAway
            return self.keys.get(key_id)

    def _is_younger(self, seconds: float) -> bool:
        return self.fetched_at is not None and _clock() - self.fetched_at < seconds

    def _fetch(self) -> None:
        """Ask the provider; on failure, or too soon after the last time, keep what there is."""
        now = _clock()
        if self.asked_at is not None and now - self.asked_at < _REST_SECONDS:
            return
        self.asked_at = now
        try:
            with urllib.request.urlopen(self.url, timeout=_TIMEOUT_SECONDS) as answer:  # noqa: S310 - a setting
                found = jwt.PyJWKSet.from_dict(json.loads(answer.read(_MOST_BYTES)))
        except (OSError, ValueError, AttributeError, TypeError, jwt.PyJWTError) as error:
            logger.warning("the keys at %s cannot be had: %s", self.url, type(error).__name__)
            return
        self.keys = {key.key_id: key for key in found.keys if key.key_id}
        self.fetched_at = now


_kept: dict[str, _Keys] = {}


def _keys_of(url: str) -> _Keys:
    return _kept.setdefault(url, _Keys(url))


def forget_keys() -> None:
    """Forget every provider's keys; the next sign-in fetches them."""
    _kept.clear()
