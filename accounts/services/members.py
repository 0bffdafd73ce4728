"""Making members: one who signs up, or many who come from elsewhere."""

import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime

from django.contrib.auth.hashers import make_password
from django.db import IntegrityError, connection, transaction

from accounts.contracts import MEMBER_JOINED, MemberRow
from accounts.models import User
from core import outbox
from core.errors import DomainError


class UsernameTaken(DomainError):
    """Another user has this username, or it is another user's e-mail."""

    code, status, title = "username_taken", 409, "This username is taken"


class EmailTaken(DomainError):
    """Another user has this e-mail, in whatever case."""

    code, status, title = "email_taken", 409, "This e-mail is taken"


class PhoneTaken(DomainError):
    """Another user has this phone number."""

    code, status, title = "phone_taken", 409, "This phone number is taken"


class ExternalIdTaken(DomainError):
    """Another user came from there under this id."""

    code, status, title = "external_id_taken", 409, "This external id is taken"


_TAKEN: dict[str, type[DomainError]] = {
    "users_username_key": UsernameTaken,
    "users_email_unique": EmailTaken,
    "users_phone_key": PhoneTaken,
    "users_external_id_key": ExternalIdTaken,
}
# Enough for any number of coincidences; a name with eight random digits is free at the first try.
_ATTEMPTS = 5
# So many of them keep the phone: whoever signs in by it later must find this member.
_WITH_PHONE = 2


@transaction.atomic
def register_member(
    *,
    username: str,
    at: datetime,
    email: str | None = None,
    phone: str | None = None,
    password: str | None = None,
    first_name: str = "",
    last_name: str = "",
    external_id: str | None = None,
    referral_code: str | None = None,
) -> int:
    """Make one member, publish `member.joined`, and return the user's id; without a password nobody signs in.

    The referral code is not looked at here: it travels with the message to whoever knows codes.

    Raises:
        UsernameTaken, EmailTaken, PhoneTaken, ExternalIdTaken: somebody else has it.
    """
    # Such a name would take the place of its owner's e-mail when they sign in (accounts.backends).
    if "@" in username and username.lower() != (email or "").lower():
        raise UsernameTaken
    try:
        with transaction.atomic():
            user = User.objects.create_user(
                username,
                email,
                password,
                phone=phone or None,
                first_name=first_name,
                last_name=last_name,
                external_id=external_id or None,
                date_joined=at,
            )
    except IntegrityError as error:
        constraint = getattr(getattr(error.__cause__, "diag", None), "constraint_name", None)
        if constraint in _TAKEN:
            raise _TAKEN[constraint] from None
        raise
    referral = {"referral_code": referral_code} if referral_code else {}
    outbox.publish(MEMBER_JOINED, user_id=user.pk, **referral)
    return user.pk


def register_nameless_member(
    *,
    at: datetime,
    phone: str | None = None,
    email: str | None = None,
    first_name: str = "",
    last_name: str = "",
    referral_code: str | None = None,
) -> int:
    """Register somebody who came by phone or identity and chose no name: they get a random one.

    Raises:
        PhoneTaken, EmailTaken: see `register_member`.
    """
    for _ in range(_ATTEMPTS):
        try:
            return register_member(
                username=f"member-{secrets.token_hex(6)}",
                at=at,
                phone=phone,
                email=email,
                first_name=first_name,
                last_name=last_name,
                referral_code=referral_code,
            )
        except UsernameTaken:
            continue
    raise UsernameTaken(f"No free username was found in {_ATTEMPTS} attempts.")


@transaction.atomic
def ensure_members(rows: Iterable[MemberRow]) -> dict[str, int]:
    """Return the user id of every row's `external_id`, making those who are not there yet.

    Members who exist are not changed; of several rows of one member the first counts. New members have no
    usable password, and `member.joined` is published for each. A username, e-mail or phone that another
    user has is not taken from them: the new member gets a random ending to the name and no e-mail, and no
    phone either where that is what is taken. A handful of statements for any number of rows.
    """
    by_external_id: dict[str, MemberRow] = {}
    for row in rows:
        by_external_id.setdefault(row.external_id, row)
    # One order for everybody, so that two imports of the same members wait and do not deadlock.
    wanted = [by_external_id[external_id] for external_id in sorted(by_external_id)]
    ids = _ids_of(list(by_external_id))
    joined: list[int] = []
    for attempt in range(_ATTEMPTS):
        missing = [row for row in wanted if row.external_id not in ids]
        if not missing:
            break
        made = _insert(missing, renamed=attempt > 0, with_phone=attempt < _WITH_PHONE)
        joined += made.values()
        ids |= made
        # Whoever is still missing was made by somebody else just now, or asks for what another user has.
        if still := [row.external_id for row in missing if row.external_id not in made]:
            ids |= _ids_of(still)
    else:
        raise UsernameTaken(f"No free username was found in {_ATTEMPTS} attempts.")
    outbox.publish_many(MEMBER_JOINED, [{"user_id": user_id} for user_id in joined])
    return ids


def _ids_of(external_ids: Sequence[str]) -> dict[str, int]:
    found = User.objects.filter(external_id__in=external_ids).values_list("external_id", "id")
    return {str(external_id): user_id for external_id, user_id in found}


def _insert(rows: Sequence[MemberRow], *, renamed: bool, with_phone: bool) -> dict[str, int]:
    def username(row: MemberRow) -> str:
        name = row.username or f"member-{row.external_id}"
        return f"{name[:140]}-{secrets.token_hex(4)}" if renamed else name[:150]

    emails = [None if renamed else User.objects.normalize_email(row.email) for row in rows]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO users (external_id, username, email, phone, first_name, last_name, password,
                               date_joined, is_active, is_staff, is_superuser, created_at, updated_at)
            SELECT external_id, username, email, phone, first_name, last_name, password,
                   joined_at, true, false, false, now(), now()
            FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[],
                        %s::timestamptz[])
                AS given (external_id, username, email, phone, first_name, last_name, password, joined_at)
            ON CONFLICT DO NOTHING
            RETURNING external_id, id
            """,
            [
                [row.external_id for row in rows],
                [username(row) for row in rows],
                emails,
                [(row.phone or None) if with_phone else None for row in rows],
                [row.first_name[:150] for row in rows],
                [row.last_name[:150] for row in rows],
                [make_password(None) for _ in rows],
                [row.joined_at for row in rows],
            ],
        )
        return dict(cursor.fetchall())
