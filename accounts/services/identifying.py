"""Finding out which members a shop speaks of, many at once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from accounts.contracts import MemberClaim, MemberRow
from accounts.models import User
from accounts.services.members import ensure_members
from core import audit
from core.contracts import Actor
from core.errors import DomainError


class MemberUnknown(DomainError):
    """Nobody has this phone or e-mail, and there is no external id to make a member by."""

    code, status, title = "member_unknown", 400, "No such member"


class MembersDisagree(DomainError):
    """What is given of a member belongs to different members."""

    code, status, title = "members_disagree", 409, "These name different members"


@dataclass(frozen=True, slots=True)
class _Known:
    id: int
    external_id: str | None


_Directory = dict[tuple[str, str], _Known]
"""Members by what they are known by: (field, value), e-mails in lower case."""


@transaction.atomic
def identify_members(
    claims: Sequence[MemberClaim], *, actor: Actor, at: datetime, make: bool = True
) -> list[int | MemberUnknown | MembersDisagree]:
    """Return for each claim its member's user id, or why there is none. A handful of statements.

    The external id counts first: who has it is the member, and phone and e-mail may be nobody's but not
    another's. An external id that nobody has is given to the member whom phone and e-mail name, if that one
    has none yet (with an audit row), or else to a new member, who gets phone and e-mail too, unless `make`
    is off. Without an external id phone and e-mail must name one member, who is there. An e-mail counts only
    once its member has verified it: anybody can write down another's.
    """
    answers: list[int | MemberUnknown | MembersDisagree | None] = [None] * len(claims)
    while waiting := [index for index, answer in enumerate(answers) if answer is None]:
        known = _directory(claims[index] for index in waiting)
        new: dict[str, MemberClaim] = {}
        taken: set[tuple[str, str]] = set()
        hopeless: dict[int, MemberUnknown] = {}
        for index in waiting:
            claim = claims[index]
            try:
                answers[index] = _find(claim, known, actor=actor)
            except MembersDisagree as refusal:
                answers[index] = refusal
            except MemberUnknown as refusal:
                hopeless[index] = refusal
            if answers[index] is not None or index in hopeless:
                continue
            assert claim.external_id is not None  # or it would be hopeless
            if not make:
                hopeless[index] = _unknown(claim)
                continue
            # Another new member of this round may get this phone: then the next round decides.
            if claim.external_id not in new and taken.isdisjoint(_contacts(claim)):
                new[claim.external_id] = claim
                taken.update(_contacts(claim))
        made = ensure_members(_row(claim, at) for claim in new.values())
        for index in waiting:
            claim = claims[index]
            if answers[index] is None and new.get(claim.external_id or "") == claim:
                answers[index] = made[claim.external_id or ""]
        if not new:
            # Nobody new can be the one whom these mean.
            answers = [hopeless.get(index, answer) for index, answer in enumerate(answers)]
    return [answer for answer in answers if answer is not None]


def _find(claim: MemberClaim, known: _Directory, *, actor: Actor) -> int | None:
    """Return the member whom a claim names; None when one is to be made."""
    found = {field: known[field, value] for field, value in _keys(claim) if (field, value) in known}
    if len({member.id for member in found.values()}) > 1:
        raise _disagreement(found)
    member = next(iter(found.values()), None)
    if claim.external_id is None:
        if member is None:
            raise _unknown(claim)
        return member.id
    if member is not None and member.external_id != claim.external_id:
        if member.external_id is not None or not _link(member.id, claim.external_id, actor=actor):
            raise _disagreement({"external_id", *found})
        for key in _keys(claim):
            known[key] = _Known(member.id, claim.external_id)
    return member.id if member else None


def _link(user_id: int, external_id: str, *, actor: Actor) -> bool:
    """Give a member who has none an external id; False when somebody was quicker."""
    try:
        with transaction.atomic():
            linked = User.objects.filter(pk=user_id, external_id=None).update(
                external_id=external_id, updated_at=timezone.now()
            )
    except IntegrityError:
        return False
    if linked:
        audit.record(
            actor=actor,
            action="member.link",
            target=f"accounts.user:{user_id}",
            before={"external_id": None},
            after={"external_id": external_id},
        )
    return bool(linked)


def _directory(claims: Iterable[MemberClaim]) -> _Directory:
    given: Mapping[str, set[str]] = {"external_id": set(), "phone": set(), "email": set()}
    for claim in claims:
        for field, value in _keys(claim):
            given[field].add(value)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT 'external_id', external_id, id, external_id FROM users WHERE external_id = ANY(%s)
            UNION ALL
            SELECT 'phone', phone, id, external_id FROM users WHERE phone = ANY(%s)
            UNION ALL
            SELECT 'email', lower(email), id, external_id FROM users
            WHERE lower(email) = ANY(%s) AND email_verified_at IS NOT NULL
            """,
            [list(values) for values in given.values()],
        )
        return {(field, value): _Known(user_id, own) for field, value, user_id, own in cursor.fetchall()}


def _keys(claim: MemberClaim) -> list[tuple[str, str]]:
    external = [("external_id", claim.external_id)] if claim.external_id else []
    return [*external, *_contacts(claim)]


def _contacts(claim: MemberClaim) -> list[tuple[str, str]]:
    pairs = (("phone", claim.phone), ("email", claim.email.lower() if claim.email else None))
    return [(field, value) for field, value in pairs if value]


def _row(claim: MemberClaim, at: datetime) -> MemberRow:
    assert claim.external_id is not None
    return MemberRow(external_id=claim.external_id, phone=claim.phone, email=claim.email, joined_at=at)


def _unknown(claim: MemberClaim) -> MemberUnknown:
    field, _ = _keys(claim)[0]
    return MemberUnknown(errors={f"member.{field}": ["No member has this."]})


def _disagreement(fields: Iterable[str]) -> MembersDisagree:
    return MembersDisagree(
        errors={f"member.{field}": ["This belongs to another member than the rest."] for field in fields}
    )
