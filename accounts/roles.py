"""What staff may do, by role: Django groups that the code fills and the admin may change.

An app says in its `roles.py` what each role may do with it. Each permission is given once, at the `migrate`
that first knows it, and written down in `role_grants`: what an admin takes away afterwards, or a group that
they delete, stays away, and what they add stays.
"""

from collections import defaultdict
from typing import Any

from django.apps import AppConfig, apps
from django.contrib.auth.management import create_permissions
from django.db import transaction

LOYALTY_MANAGER = "Loyalty manager"
CATALOGUE_EDITOR = "Catalogue editor"
SUPPORT_AGENT = "Support agent"
OPERATOR = "Operator"
ROLES = (LOYALTY_MANAGER, CATALOGUE_EDITOR, SUPPORT_AGENT, OPERATOR)

_grants: defaultdict[str, set[str]] = defaultdict(set)


def allow(role: str, *permissions: str) -> None:
    """Let a role have permissions (`app.codename`), in an app's `roles.py`."""
    if role not in ROLES:
        raise ValueError(f"{role} is not a role")
    _grants[role].update(permissions)


def grants() -> dict[str, frozenset[str]]:
    """What every role is to have."""
    return {role: frozenset(_grants[role]) for role in ROLES}


def fill_roles(*, app_config: AppConfig, using: str, **sent: Any) -> None:
    """Give the roles the permissions of one app that they were never given: after each `migrate`."""
    state = sent.get("apps", apps)
    try:
        given_once = state.get_model("accounts", "RoleGrant").objects.using(using)
        groups = state.get_model("auth", "Group").objects.using(using)
        permissions = state.get_model("auth", "Permission").objects.using(using)
    except LookupError:  # migrated to a time before there were roles
        return
    wanted = {
        (role, permission)
        for role, allowed in grants().items()
        for permission in allowed
        if permission.partition(".")[0] == app_config.label
    }
    if not wanted:
        return
    # Django's own receiver may come after this one.
    create_permissions(app_config, verbosity=0, using=using, apps=state)
    with transaction.atomic(using=using):
        known = {
            f"{app_config.label}.{permission.codename}": permission
            for permission in permissions.filter(content_type__app_label=app_config.label)
        }
        given = set(given_once.values_list("role", "permission"))
        begun = {role for role, _ in given}
        for role, name in sorted(wanted - given):
            if name not in known:
                continue
            # Only a role that was never given anything is made: an admin may have deleted the group since.
            group = groups.filter(name=role).first() if role in begun else groups.get_or_create(name=role)[0]
            if group is not None:
                group.permissions.add(known[name])
            given_once.create(role=role, permission=name)
            begun.add(role)


allow(SUPPORT_AGENT, "accounts.view_user", "accounts.change_user", "accounts.block_user")
allow(SUPPORT_AGENT, "accounts.view_phonechallenge", "accounts.view_socialidentity", "core.view_auditentry")
allow(LOYALTY_MANAGER, "accounts.view_user", "core.view_auditentry")
allow(
    OPERATOR,
    "core.view_outboxmessage",
    "core.replay_outboxmessage",
    "core.view_auditentry",
    "accounts.view_user",
    "accounts.view_apikey",
    "accounts.add_apikey",
    "accounts.change_apikey",
    "accounts.view_phonechallenge",
)
