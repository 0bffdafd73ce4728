"""The way into the chat: tokens, and the ids by which Stream knows members."""

import time
from datetime import timedelta

import jwt
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.facade import ensure_chat_ids
from accounts.models import User
from chat_support.models import StreamCall
from chat_support.people import address_of, shown_name
from tests.accounts.factories import client_of, make_user
from tests.concurrency import together
from tests.fakes.stream import SECRET

TOKEN = "/auth/stream-token/"


@pytest.fixture
def on(settings):
    """Stream is on; nothing in these tests calls it."""
    settings.STREAM_CHAT_API_KEY, settings.STREAM_CHAT_SECRET = "key", SECRET


@pytest.mark.django_db
@pytest.mark.parametrize("path", [TOKEN, f"/api/v1{TOKEN}"])
def test_a_token_is_the_callers_own_for_an_hour_and_nobody_sees_how_to_reach_them(on, path):
    member = make_user(
        "thandi@example.com", email="thandi@example.com", phone="+27821234567", first_name="Thandi"
    )
    before = int(time.time())
    answer = client_of(member).post(path)
    member.refresh_from_db()
    chat_id = member.stream_chat_user_id
    token = answer.json()["token"]
    assert answer.status_code == 200
    assert answer["Cache-Control"] == "no-store"
    assert answer.json() == {
        "token": token,
        "user_id": chat_id,
        "user_info": {"id": chat_id, "name": "Thandi", "image": None},
    }
    claims = jwt.decode(token, SECRET, algorithms=["HS256"])
    assert claims.keys() == {"user_id", "iat", "exp"}
    assert claims["user_id"] == chat_id
    assert before - 31 <= claims["iat"] <= before - 29
    assert before + 3600 <= claims["exp"] <= before + 3602
    assert jwt.get_unverified_header(token)["alg"] == "HS256"
    assert "thandi@" not in answer.content.decode()
    assert "+2782" not in answer.content.decode()


@pytest.mark.django_db
def test_the_id_is_the_same_for_ever_and_another_members_is_another(on):
    member, other = make_user(), make_user()
    first, again = (client_of(member).post(TOKEN).json()["user_id"] for _ in range(2))
    assert first == again
    assert client_of(other).post(TOKEN).json()["user_id"] != first
    assert len(first) == len("mh-") + 32


@pytest.mark.django_db
def test_nobody_gets_anothers_token_by_asking_for_it(on):
    member, other = make_user(), make_user()
    theirs = ensure_chat_ids([other.pk])[other.pk]
    body = {"user_id": theirs, "id": other.pk, "user_info": {"id": theirs}}
    answer = client_of(member).post(f"{TOKEN}?user_id={theirs}", body).json()
    claims = jwt.decode(answer["token"], SECRET, algorithms=["HS256"])
    assert theirs not in (claims["user_id"], answer["user_id"], answer["user_info"]["id"])


@pytest.mark.django_db
@pytest.mark.parametrize("missing", ["STREAM_CHAT_API_KEY", "STREAM_CHAT_SECRET"])
def test_without_stream_it_says_so_and_leaves_nothing(on, settings, missing):
    setattr(settings, missing, "")
    member = make_user()
    answer = client_of(member).post(TOKEN)
    assert (answer.status_code, answer["Content-Type"]) == (503, "application/problem+json")
    assert (answer.json()["code"], answer.json()["error"]) == ("chat_off", "Chat is not available")
    member.refresh_from_db()
    assert member.stream_chat_user_id is None
    assert not StreamCall.objects.exists()
    ticket = {"subject": "A", "text": "B"}
    assert client_of(member).post("/support/tickets/", ticket).status_code == 201


@pytest.mark.django_db
def test_who_asks_again_and_again_is_told_to_wait(on, settings):
    settings.ATTEMPT_LIMITS = {**settings.ATTEMPT_LIMITS, "stream_token": [(2, 60)]}
    app = client_of(make_user())
    assert [app.post(TOKEN).status_code for _ in range(3)] == [200, 200, 429]


@pytest.mark.django_db
def test_the_first_token_has_stream_told_of_the_member_and_the_next_has_not(on):
    member = make_user(first_name="Thandi")
    app = client_of(member)
    app.post(TOKEN)
    call = StreamCall.objects.get()
    assert (call.action, call.subject) == ("upsert_user", f"user:{ensure_chat_ids([member.pk])[member.pk]}")
    assert call.arguments["user_id"] == member.pk
    app.post(TOKEN)
    StreamCall.objects.update(state="done", answered_at=timezone.now())
    app.post(TOKEN)
    assert StreamCall.objects.count() == 1


@pytest.mark.django_db
def test_a_token_asks_the_database_seldom(on):
    app = client_of(make_user())
    app.post(TOKEN)
    with CaptureQueriesContext(
        connection,
    ) as asked:
        app.post(TOKEN)
    statements = [one["sql"] for one in asked if "SAVEPOINT" not in one["sql"]]
    # The user, the count of tokens, the id, the profile twice (to show, to tell), what Stream was told.
    assert len(statements) == 6, statements


@pytest.mark.django_db
def test_a_picture_has_an_address(on):
    app = client_of(make_user(avatar="avatars/a.jpg"))
    assert app.post(TOKEN).json()["user_info"]["image"] == "http://testserver/media/avatars/a.jpg"


@pytest.mark.parametrize(
    ("first_name", "shown"),
    [
        ("Thandi", "Thandi"),
        ("  Anna  Maria ", "Anna Maria"),
        ("", "Member"),
        ("thandi@example.com", "Member"),
        ("+27 82 123 4567", "Member"),
        ("Thandi 082-123-4567", "Member"),
        ("R2D2", "R2D2"),
    ],
)
def test_a_name_is_no_address(first_name, shown):
    assert shown_name(first_name, is_agent=False) == shown


@pytest.mark.parametrize(
    ("picture", "site", "address"),
    [
        ("", "https://shop.example", ""),
        ("/media/a.jpg", "", ""),
        ("/media/a.jpg", "https://shop.example", "https://shop.example/media/a.jpg"),
        ("https://cdn.example/a.jpg", "", "https://cdn.example/a.jpg"),
    ],
)
def test_a_picture_is_told_only_where_others_can_reach_it(picture, site, address):
    assert address_of(picture, site=site) == address


@pytest.mark.django_db(transaction=True)
def test_two_at_once_give_one_id():
    members = [make_user() for _ in range(5)]
    ids = [member.pk for member in members]
    orders = [ids, ids[::-1]] * 4
    found = together(*(lambda order=order: ensure_chat_ids(order) for order in orders))
    assert found == [found[0]] * len(orders)
    assert dict(User.objects.values_list("pk", "stream_chat_user_id")) == found[0]
    assert len(set(found[0].values())) == len(ids)


@pytest.mark.django_db
def test_ids_come_in_as_many_queries_for_fifty_as_for_one_and_none_for_who_is_not_there():
    def queries(user_ids):
        with CaptureQueriesContext(connection) as asked:
            assert ensure_chat_ids(user_ids).keys() == set(user_ids)
        return len(asked)

    assert queries([make_user().pk]) == queries([make_user().pk for _ in range(50)])
    assert ensure_chat_ids([-1]) == {}


@pytest.mark.django_db
def test_a_token_is_not_from_the_future_of_a_clock_that_is_behind(on):
    claims = jwt.decode(
        client_of(make_user()).post(TOKEN).json()["token"],
        SECRET,
        algorithms=["HS256"],
        options={"verify_exp": False},
    )
    assert claims["iat"] < (timezone.now() - timedelta(seconds=20)).timestamp()
