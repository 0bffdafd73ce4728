import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.contracts import MemberClaim
from accounts.facade import MembersDisagree, MemberUnknown, identify_members
from accounts.models import User
from core.contracts import Actor
from core.models import AuditEntry
from tests.accounts.factories import make_user
from tests.concurrency import together

pytestmark = pytest.mark.django_db

KEY = Actor("key:till")


def identify(*claims, **options):
    return identify_members(
        [MemberClaim(**claim) for claim in claims], actor=KEY, at=timezone.now(), **options
    )


def refused(answer, error, *fields):
    assert isinstance(answer, error)
    assert set(answer.facts["errors"]) == {f"member.{field}" for field in fields}


def test_who_is_known_is_found_by_any_of_the_three():
    user = make_user(
        external_id="x1", phone="+27820000001", email="Ann@example.com", email_verified_at=timezone.now()
    )
    found = identify(
        {"external_id": "x1"},
        {"phone": "+27820000001"},
        {"email": "ANN@example.com"},
        {"external_id": "x1", "phone": "+27820000001", "email": "ann@example.com"},
        {"external_id": "x1", "phone": "+27829999999", "email": "nobody@example.com"},
    )
    assert found == [user.pk] * 5
    user.refresh_from_db()
    assert user.phone == "+27820000001"


def test_what_belongs_to_different_members_is_refused():
    make_user(external_id="x1")
    make_user(external_id="x2", phone="+27820000002")
    make_user(phone="+27820000003", email="c@example.com")
    make_user(email="d@example.com", email_verified_at=timezone.now())
    one, two, three = identify(
        {"external_id": "x1", "phone": "+27820000002"},
        {"external_id": "x9", "phone": "+27820000002"},
        {"phone": "+27820000003", "email": "d@example.com"},
    )
    refused(one, MembersDisagree, "external_id", "phone")
    refused(two, MembersDisagree, "external_id", "phone")
    refused(three, MembersDisagree, "phone", "email")
    assert not User.objects.filter(external_id="x9").exists()


def test_an_unknown_external_id_makes_a_member_with_phone_and_email():
    (made,) = identify({"external_id": "x1", "phone": "+27820000001", "email": "a@example.com"})
    user = User.objects.get()
    assert (user.pk, user.external_id, user.phone, user.email) == (
        made, "x1", "+27820000001", "a@example.com",
    )  # fmt: skip
    assert (user.email_verified_at, user.has_usable_password()) == (None, False)


def test_a_phone_or_an_email_that_nobody_has_makes_nobody():
    phone, email, both = identify(
        {"phone": "+27820000001"}, {"email": "a@example.com"}, {"phone": "+27820000001", "email": "a@b.co"}
    )
    refused(phone, MemberUnknown, "phone")
    refused(email, MemberUnknown, "email")
    refused(both, MemberUnknown, "phone")
    assert not User.objects.exists()


def test_an_email_that_is_not_verified_is_nobodys():
    thief = make_user(email="victim@example.com")
    (by_email,) = identify({"email": "victim@example.com"})
    refused(by_email, MemberUnknown, "email")
    (made,) = identify({"external_id": "x1", "email": "victim@example.com"})
    assert made != thief.pk
    assert User.objects.get(pk=made).email is None


def test_a_member_without_an_external_id_gets_it_and_the_trail_says_so():
    user = make_user(phone="+27820000001")
    assert identify({"external_id": "x1", "phone": "+27820000001"}) == [user.pk]
    user.refresh_from_db()
    assert user.external_id == "x1"
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.action, entry.after) == ("key:till", "member.link", {"external_id": "x1"})
    assert identify({"external_id": "x1"}, {"external_id": "x1", "phone": "+27820000001"}) == [user.pk] * 2
    assert AuditEntry.objects.count() == 1


def test_the_claims_of_one_batch_see_each_other():
    claims = [
        {"phone": "+27820000001"},
        {"external_id": "x1", "phone": "+27820000001"},
        {"external_id": "x1"},
        {"external_id": "x2", "phone": "+27820000001"},
        {"external_id": "x1", "phone": "+27820000002"},
    ]
    by_phone, first, again, other, third = identify(*claims)
    assert by_phone == first == again == third
    refused(other, MembersDisagree, "external_id", "phone")
    assert User.objects.count() == 1


def test_without_making_an_unknown_external_id_is_unknown():
    (answer,) = identify({"external_id": "x1"}, make=False)
    refused(answer, MemberUnknown, "external_id")


def test_hundreds_cost_as_many_statements_as_one():
    counts = []
    for start, end in ((0, 1), (1, 300)):
        claims = [{"external_id": f"x{n}", "phone": f"+2782{n:07}"} for n in range(start, end)]
        for _ in range(2):
            with CaptureQueriesContext(connection) as queries:
                assert len(set(identify(*claims))) == end - start
            counts.append(len(queries))
    assert counts[:2] == counts[2:]


@pytest.mark.django_db(transaction=True)
def test_twenty_claims_at_once_are_one_member():
    results = together(*[lambda: identify({"external_id": "x1", "phone": "+27820000001"})] * 20)
    assert len({tuple(one) for one in results}) == 1
    assert User.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_external_ids_for_one_member_at_once_one_wins():
    user = make_user(phone="+27820000001")
    results = together(
        *[lambda n=n: identify({"external_id": f"x{n}", "phone": "+27820000001"})[0] for n in range(8)]
    )
    assert sum(one == user.pk for one in results) == 1
    assert sum(isinstance(one, MembersDisagree) for one in results) == 7
    assert User.objects.count() == 1
