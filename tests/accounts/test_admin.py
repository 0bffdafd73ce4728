from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.db.models.signals import pre_save
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import PhoneChallenge, RefreshToken, SocialIdentity, User
from accounts.services.keys import make_key
from accounts.services.phone_codes import send_code
from accounts.services.sessions import RefreshRefused, begin_session, refresh_session
from accounts.services.tokens import issue_refresh_token
from core.contracts import Actor
from core.models import AuditEntry
from tests.accounts.factories import make_user
from tests.orders.factories import make_order

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("quick_hasher")]

LIST = "/admin/accounts/user/"


@pytest.fixture
def boss(client):
    user = make_user("boss", is_staff=True, is_superuser=True)
    client.force_login(user)
    return client


@pytest.fixture
def clerk(client):
    """Staff who may edit users and is no superuser."""
    user = make_user("clerk", is_staff=True)
    user.user_permissions.set(
        Permission.objects.filter(codename__in=["view_user", "change_user", "add_user", "delete_user"])
    )
    client.force_login(user)
    return client


@pytest.mark.parametrize("term", ["thandi", "@example.com", "+2782", "ext-7", "Nkosi"])
def test_a_member_is_found_by_any_name(boss, term):
    make_user("thandi", email="t@example.com", phone="+27821234567", external_id="ext-7", last_name="Nkosi")
    page = boss.get(LIST, {"q": term})
    assert [user.username for user in page.context["cl"].result_list] == ["thandi"]


def test_the_list_costs_the_same_for_one_member_and_fifty(boss, django_assert_num_queries):
    with CaptureQueriesContext(connection) as few:
        boss.get(LIST)
    for _ in range(50):
        make_user()
    with django_assert_num_queries(len(few)):
        boss.get(LIST)


def test_a_member_made_here_joined_like_any_other(boss, joined):
    form = {"username": "new", "email": "", "phone": "", "usable_password": "false"}
    for name in ("first", "second"):  # without e-mail and phone there may be many
        response = boss.post(f"{LIST}add/", form | {"username": name})
        assert response.status_code == 302, response.context["adminform"].form.errors
    made = User.objects.filter(username__in=["first", "second"]).order_by("id")
    assert list(made.values_list("email", "phone")) == [(None, None)] * 2
    assert not any(user.has_usable_password() for user in made)
    assert joined() == [user.pk for user in made]


def test_a_member_made_with_a_password_signs_in(boss, api):
    password = "green bicycle sunday"
    form = {"username": "new", "usable_password": "true", "password1": password, "password2": password}
    assert boss.post(f"{LIST}add/", form).status_code == 302
    assert api.post("/auth/login/", {"username": "new", "password": password}).status_code == 200


def test_a_username_that_reads_like_anothers_email_is_refused(boss):
    response = boss.post(f"{LIST}add/", {"username": "x@example.com", "usable_password": "false"})
    assert response.status_code == 200
    assert response.context["adminform"].form.errors["username"] == [
        "A username with @ must be the member's own e-mail."
    ]


def test_a_taken_email_is_refused_in_any_case(boss):
    make_user("thandi", email="t@example.com")
    form = {"username": "new", "email": "T@EXAMPLE.com", "usable_password": "false"}
    assert b"Another user has this e-mail." in boss.post(f"{LIST}add/", form).content


def test_a_clerk_neither_becomes_superuser_nor_touches_one(clerk):
    own = User.objects.get(username="clerk")
    page = reverse("admin:accounts_user_change", args=[own.pk])
    form = {"username": "clerk", "first_name": "C", "is_active": "on", "is_staff": "on", "is_superuser": "on"}
    assert clerk.post(page, form).status_code == 302
    own.refresh_from_db()
    assert (own.first_name, own.is_superuser) == ("C", False)
    top = make_user("top", is_superuser=True, is_staff=True)
    password_page = reverse("admin:auth_user_password_change", args=[top.pk])
    assert clerk.get(password_page).status_code == 403
    assert clerk.post(reverse("admin:accounts_user_change", args=[top.pk]), form).status_code == 403
    assert clerk.get(reverse("admin:accounts_user_delete", args=[top.pk])).status_code == 403


def test_a_member_with_orders_is_not_deleted(boss):
    user = make_order().user
    response = boss.post(reverse("admin:accounts_user_delete", args=[user.pk]), {"post": "yes"})
    assert response.status_code == 200
    assert b"Cannot delete user" in response.content
    assert User.objects.filter(pk=user.pk).exists()


def test_staff_sign_in_to_the_admin_by_email(client):
    make_user("boss", email="boss@example.com", password="green bicycle", is_staff=True, is_superuser=True)
    form = {"username": "Boss@example.com", "password": "green bicycle"}
    assert client.post("/admin/login/?next=/admin/", form)["Location"] == "/admin/"


def change_form(user, **changed):
    form = {
        "username": user.username,
        "email": user.email or "",
        "phone": user.phone or "",
        "is_active": "on",
    }
    return {**form, **changed}


def change_page(user):
    return reverse("admin:accounts_user_change", args=[user.pk])


def test_blocking_on_the_page_ends_sessions_and_is_audited(boss):
    user = make_user("thandi")
    issue_refresh_token(user.pk, at=timezone.now())
    form = change_form(user, first_name="T")
    assert boss.post(change_page(user), form).status_code == 302
    assert AuditEntry.objects.count() == 0
    del form["is_active"]
    assert boss.post(change_page(user), form).status_code == 302
    user.refresh_from_db()
    assert (user.is_active, user.first_name, user.tokens_valid_from is None) == (False, "T", False)
    assert RefreshToken.objects.get().revoked_at is not None
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.action, entry.target) == (
        "staff:boss",
        "member.block",
        f"accounts.user:{user.pk}",
    )
    assert boss.post(change_page(user), form | {"is_active": "on"}).status_code == 302
    assert AuditEntry.objects.filter(action="member.unblock").count() == 1
    user.refresh_from_db()
    assert user.is_active is True


def test_nobody_shuts_themselves_out(boss):
    own = User.objects.get(username="boss")
    form = change_form(own, is_staff="on", is_superuser="on")
    del form["is_active"]
    assert boss.post(change_page(own), form).status_code == 302
    own.refresh_from_db()
    assert own.is_active is True


def test_a_phone_or_email_that_staff_changed_is_not_a_proven_one(boss):
    now = timezone.now()
    user = make_user(
        "t", email="t@example.com", phone="+27821234567", phone_verified_at=now, email_verified_at=now
    )
    assert boss.post(change_page(user), change_form(user, phone="+27821234568")).status_code == 302
    user.refresh_from_db()
    assert (user.phone_verified_at, user.email_verified_at) == (None, now)
    entry = AuditEntry.objects.get(action="member.contact")
    assert (entry.before, entry.after) == ({"phone": "+27821234567"}, {"phone": "+27821234568"})


def test_a_page_that_is_saved_undoes_nothing_that_happened_meanwhile(boss):
    member = make_user("thandi")

    def meanwhile(**_):
        User.objects.filter(pk=member.pk).update(stream_chat_user_id="mh-1", language="zu")

    page = reverse("admin:accounts_user_change", args=[member.pk])
    password_page = reverse("admin:auth_user_password_change", args=[member.pk])
    passwords = {"usable_password": "true", "password1": "kwa-Zulu-1879", "password2": "kwa-Zulu-1879"}
    pre_save.connect(meanwhile, sender=User)
    try:
        boss.post(page, {"username": "nandi", "is_active": "on"})
        boss.post(password_page, passwords)
    finally:
        pre_save.disconnect(meanwhile, sender=User)
    member.refresh_from_db()
    assert (member.username, member.stream_chat_user_id, member.language) == ("nandi", "mh-1", "zu")
    assert member.check_password("kwa-Zulu-1879")


def test_who_may_edit_and_not_block_blocks_nobody(clerk):
    user = make_user("thandi")
    form = change_form(user)
    del form["is_active"]
    assert clerk.post(change_page(user), form).status_code == 302
    clerk.post(LIST, {"action": "block", "_selected_action": [user.pk]})
    user.refresh_from_db()
    assert user.is_active is True


def test_codes_and_identities_are_looked_at_and_show_no_secret(boss, settings):
    settings.OTP_SENDER = "tests.fakes.phones.send"
    send_code(phone="+27821234567", address="203.0.113.9", at=timezone.now())
    challenge = PhoneChallenge.objects.get()
    for page in ("", f"{challenge.pk}/change/"):
        content = boss.get(f"/admin/accounts/phonechallenge/{page}").content.decode()
        assert "+27821234567" in content
        assert challenge.code_hash not in content
    assert (
        boss.post(f"/admin/accounts/phonechallenge/{challenge.pk}/delete/", {"post": "yes"}).status_code
        == 403
    )
    identity = SocialIdentity.objects.create(
        user=make_user("thandi"), provider="google", subject="person-1", last_used_at=timezone.now()
    )
    assert b"thandi" in boss.get("/admin/accounts/socialidentity/?q=tha").content
    page = f"/admin/accounts/socialidentity/{identity.pk}/delete/"
    assert boss.post(page, {"post": "yes"}).status_code == 302
    assert SocialIdentity.objects.count() == 0
    assert AuditEntry.objects.get().action == "identity.unlink"


@pytest.mark.parametrize("model", ["apikey", "phonechallenge", "socialidentity"])
def test_lists_cost_the_same_for_one_row_and_for_ten(boss, model, django_assert_num_queries):
    def make(number):
        at = timezone.now()
        if model == "apikey":
            boss_id = User.objects.get(username="boss").pk
            make_key(name=f"k{number}", scopes=["orders:read"], actor=Actor("staff:boss", boss_id), at=at)
        elif model == "phonechallenge":
            PhoneChallenge.objects.create(phone="+2782", code_hash="x", expires_at=at + timedelta(seconds=9))
        else:
            SocialIdentity.objects.create(
                user=make_user(), provider="google", subject=str(number), last_used_at=at
            )

    make(0)
    with CaptureQueriesContext(connection) as few:
        assert boss.get(f"/admin/accounts/{model}/").status_code == 200
    for number in range(1, 10):
        make(number)
    with django_assert_num_queries(len(few)):
        boss.get(f"/admin/accounts/{model}/")


def test_another_password_ends_every_sign_in(admin_client):
    user = make_user("thandi", password="right-horse-1")
    session = begin_session(user.pk, at=timezone.now())
    new = {"password1": "other-horse-22", "password2": "other-horse-22", "usable_password": "true"}
    assert admin_client.post(f"/admin/accounts/user/{user.pk}/password/", new).status_code == 302
    user.refresh_from_db()
    assert user.check_password("other-horse-22")
    with pytest.raises(RefreshRefused):
        refresh_session(token=session.refresh, at=timezone.now())
    headers = {"Authorization": f"Bearer {session.access}"}
    assert APIClient().get("/auth/me/", headers=headers).status_code == 401
