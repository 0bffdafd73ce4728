"""Which rights the application needs on each table, and no more: what `manage.py grant_app_role` gives.

A model whose rows are not read, added, changed and deleted alike says so in `database_rights`; a table whose
triggers refuse changes (`core.append_only`) is only read and added to.
"""

from collections.abc import Iterable

from django.apps import apps

Verbs = frozenset[str]

READ: Verbs = frozenset({"SELECT"})
ADD: Verbs = READ | {"INSERT"}
"""Rows are added and never touched again."""
KEEP: Verbs = ADD | {"UPDATE"}
"""Rows change and are never deleted; an UPDATE is also what locks a row."""
ALL: Verbs = KEEP | {"DELETE"}
ANALYZE: Verbs = frozenset({"MAINTAIN"})
"""The application itself refreshes the planner's numbers, after many rows came at once."""

MAINTAIN_SINCE = 17
"""The PostgreSQL that first knows this right; before, it skips an ANALYZE by anyone but the owner."""

# Django's own tables, whose models can't say it: `migrate` writes the first three; the admin adds to its log,
# and deletes somebody's part of it with the account.
_OF_DJANGO: dict[str, Verbs] = {
    "django_migrations": READ,
    "django_content_type": READ,
    "auth_permission": READ,
    "django_admin_log": ALL - {"UPDATE"},
}


def table_rights(*, append_only: Iterable[str], postgresql: int) -> dict[str, Verbs]:
    """Return the verbs of every table, by its name; `postgresql` is the server's major version."""
    rights: dict[str, Verbs] = {}
    for model in apps.get_models(include_auto_created=True):
        if model._meta.managed and not model._meta.proxy:
            rights[model._meta.db_table] = getattr(model, "database_rights", ALL)
    rights |= _OF_DJANGO
    rights |= {table: rights[table] & ADD for table in append_only}
    if postgresql < MAINTAIN_SINCE:
        rights = {table: verbs - ANALYZE for table, verbs in rights.items()}
    return rights
