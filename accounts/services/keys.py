"""API keys: made, recognised, revoked."""

import hashlib
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q
from django.utils.crypto import constant_time_compare

from accounts.models import ApiKey
from accounts.scopes import known_scopes
from core import audit
from core.contracts import Actor
from core.errors import DomainError

_BEGINNING = "mh_"
_PREFIX_BYTES = 5
_PREFIX_LENGTH = len(_BEGINNING) + 2 * _PREFIX_BYTES
_LONGEST = 200
_SEEN_EVERY = timedelta(minutes=1)


class UnknownScope(DomainError):
    """No view asks for such a scope."""

    code, status, title = "unknown_scope", 400, "There is no such scope"


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that has just been made, and the only time that it can be read."""

    row: ApiKey
    key: str


@transaction.atomic
def make_key(
    *,
    name: str,
    scopes: Collection[str],
    actor: Actor,
    at: datetime,
    shop: str | None = None,
    expires_at: datetime | None = None,
) -> NewKey:
    """Make a key of 256 random bits and keep its hash.

    Raises:
        UnknownScope: one of the scopes is not registered.
        ValidationError: the name is another key's, the shop is no slug, or there is no scope.
    """
    if unknown := sorted(set(scopes) - known_scopes().keys()):
        raise UnknownScope(f"There is no scope {', '.join(unknown)}.")
    prefix = _BEGINNING + secrets.token_hex(_PREFIX_BYTES)
    key = f"{prefix}_{secrets.token_urlsafe(32)}"
    row = ApiKey(
        name=name,
        shop=shop or None,
        prefix=prefix,
        hash=_hash_of(key),
        scopes=sorted(set(scopes)),
        created_at=at,
        expires_at=expires_at,
        created_by_id=actor.user_id,
    )
    row.full_clean(exclude=["created_by"])
    row.save(force_insert=True)
    audit.record(actor=actor, action="api_key.make", target=row, before={}, after=_said(row))
    return NewKey(row=row, key=key)


@transaction.atomic
def revoke_key(key_id: int, *, actor: Actor, at: datetime) -> bool:
    """End a key for ever; return whether it had not been ended before."""
    row = ApiKey.objects.select_for_update().filter(pk=key_id, revoked_at=None).first()
    if row is None:
        return False
    row.revoked_at, row.updated_at = at, at
    row.save(update_fields=["revoked_at", "updated_at"])
    audit.record(
        actor=actor,
        action="api_key.revoke",
        target=row,
        before={"revoked_at": None},
        after={"revoked_at": at},
    )
    return True


def usable_key(key: str, *, at: datetime) -> ApiKey | None:
    """Return the row of a key that is neither revoked nor past its date, None for any other string.

    One query; once a minute a second one writes down that the key is in use.
    """
    if len(key) > _LONGEST or not key.startswith(_BEGINNING) or not (key.isascii() and key.isprintable()):
        return None
    row = ApiKey.objects.filter(prefix=key[:_PREFIX_LENGTH]).first()
    if row is None or not constant_time_compare(row.hash, _hash_of(key)):
        return None
    if row.revoked_at is not None or (row.expires_at is not None and row.expires_at <= at):
        return None
    unseen = Q(last_used_at=None) | Q(last_used_at__lt=at - _SEEN_EVERY)
    if row.last_used_at is None or row.last_used_at < at - _SEEN_EVERY:
        ApiKey.objects.filter(unseen, pk=row.pk).update(last_used_at=at)
    return row


def _hash_of(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _said(row: ApiKey) -> dict[str, object]:
    return {"name": row.name, "shop": row.shop, "scopes": row.scopes, "expires_at": row.expires_at}
