import pytest
from django.apps import apps
from django.apps.registry import Apps
from django.contrib.auth.models import Group, Permission
from django.db.models.signals import post_migrate

from accounts.models import RoleGrant
from accounts.roles import (
    CATALOGUE_EDITOR,
    LOYALTY_MANAGER,
    OPERATOR,
    ROLES,
    SUPPORT_AGENT,
    allow,
    fill_roles,
    grants,
)
from tests.accounts.factories import make_user

pytestmark = pytest.mark.django_db


def permissions_of(role):
    found = Permission.objects.filter(group__name=role).select_related("content_type")
    return {f"{one.content_type.app_label}.{one.codename}" for one in found}


def migrate():
    """What `migrate` does at its end, for every app."""
    for app_config in apps.get_app_configs():
        post_migrate.send(sender=app_config, app_config=app_config, using="default", apps=apps, verbosity=0)


def test_every_permission_that_a_role_is_to_have_exists_and_is_had():
    assert set(grants()) == set(ROLES)
    for role, wanted in grants().items():
        assert wanted
        assert permissions_of(role) == wanted


def test_what_an_admin_changed_stays_changed():
    group = Group.objects.get(name=SUPPORT_AGENT)
    taken = Permission.objects.get(codename="change_review")
    added = Permission.objects.get(codename="view_apikey")
    group.permissions.remove(taken)
    group.permissions.add(added)
    Group.objects.get(name=CATALOGUE_EDITOR).delete()
    Group.objects.filter(name=LOYALTY_MANAGER).update(name="Loyalty team")
    migrate()
    assert taken not in group.permissions.all()
    assert added in group.permissions.all()
    assert not Group.objects.filter(name__in=[CATALOGUE_EDITOR, LOYALTY_MANAGER]).exists()


def test_a_permission_that_is_new_is_given_once():
    RoleGrant.objects.filter(role=OPERATOR, permission="orders.change_order").delete()
    group = Group.objects.get(name=OPERATOR)
    group.permissions.remove(Permission.objects.get(codename="change_order"))
    migrate()
    assert "orders.change_order" in permissions_of(OPERATOR)
    migrate()
    assert RoleGrant.objects.filter(role=OPERATOR, permission="orders.change_order").count() == 1


def test_on_an_empty_database_the_permissions_are_made_when_they_are_given():
    RoleGrant.objects.all().delete()
    Group.objects.all().delete()
    Permission.objects.all().delete()
    migrate()
    for role, wanted in grants().items():
        assert permissions_of(role) == wanted


def test_a_database_of_a_time_before_there_were_roles_is_left_alone():
    RoleGrant.objects.all().delete()
    accounts = apps.get_app_config("accounts")
    fill_roles(app_config=accounts, using="default", apps=Apps())
    assert not RoleGrant.objects.exists()


def test_a_role_that_is_none_is_a_mistake():
    with pytest.raises(ValueError, match="not a role"):
        allow("Emperor", "accounts.view_user")


def test_a_support_agent_blocks_members_and_touches_no_staff(client):
    agent = make_user("agent", is_staff=True)
    agent.groups.add(Group.objects.get(name=SUPPORT_AGENT))
    client.force_login(agent)
    member, colleague = make_user("member"), make_user("colleague", is_staff=True)
    chosen = [member.pk, colleague.pk, agent.pk]
    form = {"action": "block", "_selected_action": chosen}
    answer = client.post("/admin/accounts/user/", form, follow=True).content.decode()
    assert "1 blocked." in answer
    assert "2 not yours to change." in answer
    for user, active in ((member, False), (colleague, True), (agent, True)):
        user.refresh_from_db()
        assert user.is_active is active
    assert client.post(f"/admin/accounts/user/{colleague.pk}/change/", {}).status_code == 403
    assert client.post(f"/admin/accounts/user/{colleague.pk}/password/", {}).status_code == 403
