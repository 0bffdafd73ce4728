import io
import re
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from django.core import mail
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from PIL import Image
from rest_framework.test import APIClient

from accounts.models import User
from tests.accounts.factories import client_of, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def member():
    return make_user("thandi", first_name="Thandi")


@pytest.fixture
def own(member):
    return client_of(member)


# --- changing ----------------------------------------------------------------------------------------------


def test_a_member_changes_what_is_theirs_and_nothing_else(own, member):
    other = make_user("sipho")
    body = {
        "first_name": "Thandeka",
        "last_name": "Nkosi",
        "language": "zu-ZA",
        "time_zone": "Africa/Maputo",
        "preferences": {"theme": "dark", "sizes": [1, 2.5, None]},
        "is_staff": True,
        "email": "new@example.com",
        "phone": "+27821234567",
        "username": "boss",
        "id": other.pk,
    }
    answer = own.patch("/auth/me/", body, format="json")
    assert answer.status_code == 200
    said = answer.json()
    changed = {"first_name", "last_name", "language", "time_zone", "preferences"}
    assert {name: said[name] for name in changed} == {name: body[name] for name in changed}
    assert said == own.get("/auth/me/").json()
    member.refresh_from_db()
    assert (member.username, member.is_staff, member.email, member.phone) == ("thandi", False, None, None)
    other.refresh_from_db()
    assert (other.first_name, other.language) == ("", "en")


def test_what_is_not_given_stays_and_preferences_are_replaced(own, member):
    own.patch("/auth/me/", {"preferences": {"a": 1}, "last_name": "N"}, format="json")
    own.patch("/auth/me/", {"preferences": {"b": 2}}, format="json")
    own.patch("/auth/me/", {"first_name": ""}, format="json")
    member.refresh_from_db()
    assert (member.first_name, member.last_name, member.preferences) == ("", "N", {"b": 2})


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"first_name": None}, "first_name"),
        ({"first_name": 7}, "first_name"),
        ({"first_name": "x" * 151}, "first_name"),
        ({"last_name": "a\u0000"}, "last_name"),
        ({"language": "english"}, "language"),
        ({"language": "e"}, "language"),
        ({"language": "en_ZA"}, "language"),
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
        ({"time_zone": "../../etc/passwd"}, "time_zone"),
        ({"time_zone": ""}, "time_zone"),
        ({"time_zone": 2}, "time_zone"),
        ({"preferences": []}, "preferences"),
        ({"preferences": None}, "preferences"),
        ({"preferences": "x"}, "preferences"),
        ({"preferences": {"a": "\u0000"}}, "preferences"),
        ({"preferences": {"\u0000": 1}}, "preferences"),
        ({"preferences": {"a": "x" * 8192}}, "preferences"),
        ([], "body"),
    ],
)
def test_bad_input_is_refused_by_the_field_and_changes_nothing(own, member, body, field):
    if isinstance(body, dict):
        body = {"first_name": "Changed", **body}
    response = own.patch("/auth/me/", body, format="json")
    assert response.status_code == 400
    assert field in response.json()["errors"]
    member.refresh_from_db()
    assert member.first_name == "Thandi"


@pytest.mark.parametrize("raw", [b'{"preferences": {"a": "\\ud800"}}', b'{"preferences": {"\\udfff": 1}}'])
def test_preferences_that_are_no_text_are_refused(own, raw):
    assert own.patch("/auth/me/", raw, content_type="application/json").status_code == 400


@pytest.mark.parametrize("depth", [32, 600, 880, 885, 890, 895, 900])
def test_preferences_nest_so_deep_and_no_deeper(own, depth):
    def nested(levels):
        raw = '{"preferences": {"a": ' + "[" * levels + "]" * levels + "}}"
        return own.patch("/auth/me/", raw, content_type="application/json").status_code

    assert (nested(depth), nested(31)) == (400, 200)


def test_a_backslash_that_reads_like_a_null_is_kept(own):
    body = {"preferences": {"path": "\\u0000"}}
    assert own.patch("/auth/me/", body, format="json").json()["preferences"] == body["preferences"]


# --- the picture -------------------------------------------------------------------------------------------

NOT_A_PICTURE = "Not a JPEG, PNG or WebP picture"
TOO_MANY_PIXELS = "A picture may have 40000000 pixels."


@pytest.fixture
def media(settings, tmp_path) -> Path:
    settings.MEDIA_ROOT = tmp_path
    return tmp_path


def picture(kind="PNG", size=(800, 400), mode="RGB", **how) -> SimpleUploadedFile:
    written = io.BytesIO()
    Image.new(mode, size, "red" if mode != "RGBA" else (0, 0, 0, 0)).save(written, kind, **how)
    return SimpleUploadedFile(f"../../me.{kind.lower()}", written.getvalue())


def upload(client, file, **extra):
    return client.put("/auth/me/avatar/", {"image": file}, format="multipart", **extra)


def kept(media):
    return sorted(path.relative_to(media).as_posix() for path in media.rglob("*") if path.is_file())


@pytest.mark.parametrize(
    ("kind", "mode"),
    [("PNG", "RGB"), ("PNG", "RGBA"), ("PNG", "P"), ("JPEG", "RGB"), ("JPEG", "CMYK"), ("WEBP", "RGB")],
)
def test_a_picture_is_made_anew_and_kept_under_a_random_name(own, media, kind, mode):
    answer = upload(own, picture(kind, mode=mode))
    assert answer.status_code == 200, answer.json()
    (name,) = kept(media)
    assert re.fullmatch(r"avatars/[0-9a-f]{32}\.jpg", name)
    assert answer.json()["avatar"] == f"http://testserver/media/{name}"
    with Image.open(media / name) as made:
        assert (made.format, made.size, made.mode, dict(made.getexif())) == ("JPEG", (512, 256), "RGB", {})


def test_a_picture_is_served_to_whoever_knows_its_name(own, media):
    address = upload(own, picture()).json()["avatar"]
    response = APIClient().get(address)
    assert (response.status_code, response["Content-Type"]) == (200, "image/jpeg")
    assert "immutable" in response["Cache-Control"]
    assert response["X-Content-Type-Options"] == "nosniff"
    assert b"".join(response.streaming_content)[:2] == b"\xff\xd8"
    response.close()


def test_where_a_picture_was_taken_is_not_kept_and_it_stands_upright(own, media):
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    exif[0x010E] = "at home"
    upload(own, picture("JPEG", exif=exif))
    (name,) = kept(media)
    assert b"at home" not in (media / name).read_bytes()
    with Image.open(media / name) as made:
        assert made.size == (256, 512)


@pytest.mark.django_db(transaction=True)
def test_the_picture_before_goes_when_another_comes(media):
    user = make_user()
    own = client_of(user)
    upload(own, picture())
    (first,) = kept(media)
    upload(own, picture())
    (second,) = kept(media)
    assert second != first
    assert own.delete("/auth/me/avatar/").status_code == 204
    assert kept(media) == []
    assert own.get("/auth/me/").json()["avatar"] is None
    assert own.delete("/auth/me/avatar/").status_code == 204


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GIF89a" + b"\0" * 100,
        b"<svg/>",
        b"\x89PNG\r\n\x1a\n" + b"\0" * 50,
        b"\xff\xd8\xff\xe0" + b"x" * 99,
    ],
)
def test_what_is_no_picture_is_refused_and_nothing_is_kept(own, media, data):
    response = upload(own, SimpleUploadedFile("a.png", data))
    assert response.status_code == 400
    assert kept(media) == []


def test_a_broken_picture_and_one_of_too_many_pixels_are_refused(own, media):
    whole = picture("JPEG").read()
    response = upload(own, SimpleUploadedFile("a.jpg", whole[: len(whole) // 2]))
    assert (response.status_code, response.json()["errors"]) == (400, {"image": [NOT_A_PICTURE]})
    bomb = picture("PNG", size=(20_000, 20_000), mode="1")
    assert len(bomb) < 200_000
    response = upload(own, bomb)
    assert (response.status_code, response.json()["errors"]) == (400, {"image": [TOO_MANY_PIXELS]})
    assert kept(media) == []


def test_a_picture_may_have_two_megabytes_where_other_bodies_have_one(own, media):
    whole = picture("JPEG").read()
    fits = whole + b"\0" * (2 * 1024 * 1024 - len(whole))
    assert upload(own, SimpleUploadedFile("a.jpg", fits)).status_code == 200
    response = upload(own, SimpleUploadedFile("a.jpg", fits + b"\0"))
    assert (response.status_code, list(response.json()["errors"])) == (400, ["image"])
    response = upload(own, SimpleUploadedFile("a.jpg", fits + b"\0" * 65536))
    assert (response.status_code, response.json()["limit"]) == (413, 2 * 1024 * 1024 + 65536)


def test_the_picture_comes_as_multipart_in_its_field(own, media):
    assert own.put("/auth/me/avatar/", {"image": "x"}, format="json").status_code == 415
    response = own.put("/auth/me/avatar/", {"picture": picture()}, format="multipart")
    assert (response.status_code, list(response.json()["errors"])) == (400, ["image"])


@pytest.mark.parametrize(
    "path", ["secret.txt", "../settings.py", "avatars/none.jpg", "..%2fx.jpg", "a%00.jpg", ""]
)
def test_nothing_but_pictures_is_served(media, path):
    (media / "secret.txt").write_text("secret")
    assert APIClient().get(f"/media/{path}").status_code in (400, 404)


# --- e-mail ------------------------------------------------------------------------------------------------


def ask(client, email):
    return client.post("/auth/me/email/", {"email": email})


def token_sent():
    return re.search(r"token=(\S+)", mail.outbox[-1].body).group(1)


def verify(token):
    return APIClient().post("/auth/verify-email/", {"token": token})


def test_an_email_is_the_members_once_its_message_was_answered(own, member):
    assert ask(own, "Thandi@Example.com").status_code == 202
    assert mail.outbox[-1].to == ["Thandi@Example.com"]
    member.refresh_from_db()
    assert member.email is None
    answer = verify(token_sent())
    assert (answer.status_code, answer.json()) == (200, {"email": "Thandi@Example.com"})
    me = own.get("/auth/me/").json()
    assert (me["email"], me["email_verified"]) == ("Thandi@Example.com", True)
    assert verify(token_sent()).status_code == 200  # a second press of the link


def test_an_email_that_is_there_can_be_verified(member):
    user = make_user("sipho", email="sipho@example.com")
    ask(client_of(user), "sipho@example.com")
    assert verify(token_sent()).status_code == 200
    user.refresh_from_db()
    assert user.email_verified_at is not None


def test_the_answer_does_not_tell_whose_an_address_is(own, django_assert_num_queries):
    make_user("sipho", email="taken@example.com")
    taken, free = ask(own, "taken@example.com"), ask(own, "free@example.com")
    assert (taken.status_code, taken.content) == (free.status_code, free.content) == (202, b"")
    assert [message.to for message in mail.outbox] == [["taken@example.com"], ["free@example.com"]]


def test_an_address_that_is_taken_is_told_only_to_its_reader(own, member):
    ask(own, "taken@example.com")
    make_user("sipho", email="TAKEN@example.com")
    answer = verify(token_sent())
    assert (answer.status_code, answer.json()["code"]) == (409, "email_taken")
    member.refresh_from_db()
    assert (member.email, member.email_verified_at) == (None, None)


def test_an_old_message_does_not_bring_an_old_address_back(own, member):
    ask(own, "first@example.com")
    first = token_sent()
    ask(own, "second@example.com")
    assert verify(token_sent()).status_code == 200
    answer = verify(first)
    assert (answer.status_code, answer.json()["code"]) == (400, "email_token_refused")
    member.refresh_from_db()
    assert member.email == "second@example.com"


def test_a_token_is_good_for_a_day_and_only_as_it_was_sent(own, member):
    ask(own, "first@example.com")
    token = token_sent()
    for wrong in (token[:-1], token + "x", "x", "a:b:c", f"x{token}"):
        assert verify(wrong).json()["code"] == "email_token_refused"
    with time_machine.travel(timezone.now() + timedelta(hours=24, seconds=2)):
        assert verify(token).json()["code"] == "email_token_refused"
    User.objects.update(is_active=False)
    assert verify(token).json()["code"] == "email_token_refused"


def test_messages_are_few_an_hour(own):
    assert [ask(own, f"x{n}@example.com").status_code for n in range(4)] == [202, 202, 202, 429]
    assert len(mail.outbox) == 3


def test_messages_to_one_address_are_few_an_hour_whoever_asks():
    answers = [ask(client_of(make_user()), "victim@example.com").status_code for _ in range(4)]
    assert answers == [202, 202, 202, 429]


@pytest.mark.parametrize(
    "backend", ["django.core.mail.backends.dummy.EmailBackend", "tests.accounts.nothing"]
)
def test_without_a_mail_server_the_answer_says_so_and_nothing_counts(own, settings, backend):
    settings.EMAIL_BACKEND = backend
    for _ in range(4):
        response = ask(own, "a@example.com")
        assert (response.status_code, response.json()["code"]) == (503, "email_not_sent")


@pytest.mark.parametrize(
    "email", ["", "x", "a@b", "a b@example.com", "x@example.com\nBcc: y@example.com", 7, None]
)
def test_what_is_no_address_is_refused(own, email):
    response = own.post("/auth/me/email/", {"email": email}, format="json")
    assert (response.status_code, list(response.json()["errors"])) == (400, ["email"])
    assert mail.outbox == []
