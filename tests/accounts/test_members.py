from datetime import UTC, datetime

import pytest
from django.db import IntegrityError, transaction

from accounts.contracts import MemberRow
from accounts.facade import ensure_members, register_member
from accounts.models import User
from accounts.services.members import EmailTaken, ExternalIdTaken, PhoneTaken, UsernameTaken
from tests.accounts.factories import make_user
from tests.concurrency import together

AT = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)


def row(external_id, **fields):
    return MemberRow(external_id=external_id, joined_at=AT, **fields)


@pytest.mark.django_db
def test_registering_makes_a_member_and_says_so(joined):
    user_id = register_member(
        username="thandi", email="T@Example.COM", phone="+27821234567", password="x y z", at=AT
    )
    user = User.objects.get(pk=user_id)
    assert (user.username, user.email, user.phone, user.date_joined) == (
        "thandi",
        "T@example.com",
        "+27821234567",
        AT,
    )
    assert user.check_password("x y z")
    assert joined() == [user_id]


@pytest.mark.django_db
def test_a_member_without_email_phone_or_password_is_fine_and_so_is_a_second(joined):
    first, second = (register_member(username=name, email="", phone="", at=AT) for name in ("a", "b"))
    assert list(User.objects.values_list("email", "phone", "external_id")) == [(None, None, None)] * 2
    assert not User.objects.get(pk=first).has_usable_password()
    assert joined() == [first, second]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"username": "taken"}, UsernameTaken),
        ({"email": "TAKEN@example.com"}, EmailTaken),
        ({"phone": "+27821234567"}, PhoneTaken),
        ({"external_id": "x-1"}, ExternalIdTaken),
        ({"username": "somebody@example.com"}, UsernameTaken),
        ({"username": "taken@example.com", "email": "mine@example.com"}, UsernameTaken),
    ],
)
def test_what_another_has_is_refused_and_nothing_is_made(joined, fields, error):
    make_user("taken", email="taken@example.com", phone="+27821234567", external_id="x-1")
    with pytest.raises(error) as refusal:
        register_member(**({"username": "free", "at": AT} | fields))
    assert refusal.value.status == 409
    assert User.objects.count() == 1
    assert joined() == []


@pytest.mark.django_db
def test_ones_own_email_may_be_ones_username():
    assert register_member(username="me@example.com", email="Me@Example.com", at=AT)


@pytest.mark.django_db
def test_many_members_are_made_once_and_known_ones_stay_as_they_are(joined, django_assert_max_num_queries):
    known = make_user("known", external_id="2", first_name="Old")
    rows = [row("3", first_name="New"), row("2", first_name="Ignored"), row("1"), row("3")]
    with django_assert_max_num_queries(6):
        ids = ensure_members(rows)
    assert set(ids) == {"1", "2", "3"}
    assert ids["2"] == known.pk
    made = User.objects.get(pk=ids["3"])
    assert (made.username, made.first_name, made.email, made.date_joined) == ("member-3", "New", None, AT)
    assert not made.has_usable_password()
    assert (made.is_active, made.is_staff, made.is_superuser) == (True, False, False)
    known.refresh_from_db()
    assert known.first_name == "Old"
    assert sorted(joined()) == sorted([ids["1"], ids["3"]])
    assert ensure_members(rows) == ids
    assert len(joined()) == 2


@pytest.mark.django_db
def test_a_thousand_members_cost_as_many_statements_as_one(django_assert_num_queries, joined):
    with django_assert_num_queries(5):  # SAVEPOINT, look, insert, publish, RELEASE
        ensure_members([row("x")])
    with django_assert_num_queries(5):
        ids = ensure_members([row(str(number)) for number in range(1000)])
    assert len(ids) == len(set(ids.values())) == 1000


@pytest.mark.django_db
def test_a_username_or_email_of_somebody_else_is_not_taken_from_them(joined):
    make_user("member-1")
    make_user("other", email="other@example.com")
    ids = ensure_members(
        [row("1"), row("2", username="thandi", email="OTHER@example.com"), row("3", email="")]
    )
    first, second, third = (User.objects.get(pk=ids[key]) for key in "123")
    assert first.username.startswith("member-1-")
    assert second.username.startswith("thandi-")
    assert (second.email, third.email) == (None, None)
    assert third.username == "member-3"
    assert sorted(joined()) == sorted(ids.values())


@pytest.mark.django_db
def test_no_members_cost_one_look(joined):
    assert ensure_members([]) == {}
    assert joined() == []


@pytest.mark.django_db(transaction=True)
def test_two_imports_at_once_make_each_member_once(joined):
    rows = [row(str(number)) for number in range(300)]
    first, second = together(lambda: ensure_members(rows), lambda: ensure_members(reversed(rows)))
    assert first == second
    assert User.objects.count() == 300
    assert sorted(joined()) == sorted(first.values())


@pytest.mark.django_db
@pytest.mark.parametrize(
    "fields", [{"email": ""}, {"phone": ""}, {"external_id": ""}, {"email": "A@EXAMPLE.com"}]
)
def test_the_database_itself_refuses_empty_and_double(fields):
    make_user("first", email="a@example.com")
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.bulk_create([User(username="second", **fields)])


@pytest.mark.django_db
def test_a_phone_is_kept_though_the_email_is_taken_and_dropped_where_it_is_itself():
    make_user(email="taken@example.com", phone="+27820000001")
    ids = ensure_members(
        [
            row("a", email="taken@example.com", phone="+27820000002"),
            row("b", email="free@example.com", phone="+27820000001"),
        ]
    )
    found = {user.pk: (user.email, user.phone) for user in User.objects.filter(pk__in=list(ids.values()))}
    assert found == {ids["a"]: (None, "+27820000002"), ids["b"]: (None, None)}
