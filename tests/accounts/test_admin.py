import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User
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
