"""The database role of the application: brought to exactly the rights of `core.rights`.

Who calls owns the tables, or is a superuser. What everybody may do counts too: PUBLIC loses the right to make
objects here, and every right on a table.
"""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from django.db import connection, transaction
from psycopg2 import extensions

from core.append_only import append_only_tables
from core.postgres_programs import server_version
from core.rights import table_rights

PUBLIC = "PUBLIC"
LOGIN_ROLE = "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS"
_GRANT_OPTION = "GRANT OPTION FOR "


class UnusableRole(Exception):
    """The role can't be made the application's, and why; nothing was changed."""


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL to run, and what to show of it where that differs: a password is not shown."""

    sql: str
    shown: str = ""

    def __str__(self) -> str:
        return self.shown or self.sql


@dataclass(frozen=True, slots=True, order=True)
class Right:
    """One verb on one object: `Right("app", "TABLE", "public.orders", "SELECT")`."""

    grantee: str
    kind: str
    name: str
    verb: str


@transaction.atomic
def bring_up_to_date(role: str, *, password: str = "", dry_run: bool = False) -> list[Statement]:
    """Give `role` the application's rights and take every other; return what was run, or would be.

    The second time nothing is left to do, but for a password: nobody can tell whether it is already that one.

    Raises:
        UnusableRole: the name is none, or is that of an owner or a superuser; tables are missing; or whoever
            runs this may not give the rights.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('grant_app_role'))")
        statements = _changes_to(role, password)
        if not dry_run:
            for statement in statements:
                cursor.execute(statement.sql)
            # PostgreSQL only warns of what is not the caller's to give or take.
            if left := _changes_to(role):
                raise UnusableRole(f"Without effect: {left[0]}. Run this as the owner of the tables.")
    return statements


def _changes_to(role: str, password: str = "") -> list[Statement]:
    name = _quoted(role)
    statements = _of_the_role(role, name)
    if password:
        verifier = extensions.encrypt_password(password, role, connection.connection, "scram-sha-256")
        statements.append(
            Statement(f"ALTER ROLE {name} PASSWORD '{verifier}'", f"ALTER ROLE {name} PASSWORD '…'")
        )
    found, wanted = _found_rights(role), _wanted_rights(role)
    statements += [
        Statement(f"REVOKE {verbs} ON {kind} {on} FROM {name if grantee == role else PUBLIC}")
        for (grantee, kind, on), verbs in _grouped(found - wanted)
    ]
    statements += [
        Statement(f"GRANT {verbs} ON {kind} {on} TO {name}")
        for (_, kind, on), verbs in _grouped(wanted - found)
    ]
    return statements


def _of_the_role(role: str, name: str) -> list[Statement]:
    if not role or role.startswith("pg_") or len(role.encode()) > 63 or role.lower() in ("public", "none"):
        raise UnusableRole(f"{role!r} can't be a role's name.")
    with connection.cursor() as cursor:
        cursor.execute("SELECT session_user, current_user")
        if role in cursor.fetchone():
            raise UnusableRole(
                f"{role} is who runs this: tables and migrations are its, so name another role."
            )
        cursor.execute(
            "SELECT oid, rolsuper, rolcanlogin, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls"
            " FROM pg_roles WHERE rolname = %s",
            [role],
        )
        row = cursor.fetchone()
        if row is None:
            return [Statement(f"CREATE ROLE {name} {LOGIN_ROLE}")]
        oid, is_super, *attributes = row
        if is_super:
            raise UnusableRole(f"{role} is a superuser, whom no rights bind: name another role.")
        cursor.execute(
            "SELECT count(*) FROM pg_shdepend WHERE refclassid = 'pg_authid'::regclass AND refobjid = %s"
            " AND deptype = 'o'"
            " AND dbid IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))",
            [oid],
        )
        if owned := cursor.fetchone()[0]:
            raise UnusableRole(f"{role} owns {owned} objects, and can do all with them: name another role.")
        names = ("LOGIN", "CREATEDB", "CREATEROLE", "REPLICATION", "BYPASSRLS")
        wrong = ["LOGIN"] if not attributes[0] else []
        wrong += [f"NO{title}" for title, has in zip(names[1:], attributes[1:], strict=True) if has]
        statements = [Statement(f"ALTER ROLE {name} {' '.join(wrong)}")] if wrong else []
        cursor.execute(
            "SELECT quote_ident(rolname) FROM pg_auth_members JOIN pg_roles ON pg_roles.oid = roleid"
            " WHERE member = %s ORDER BY 1",
            [oid],
        )
        return statements + [Statement(f"REVOKE {group} FROM {name}") for (group,) in cursor.fetchall()]


def _wanted_rights(role: str) -> set[Right]:
    tables = table_rights(append_only=append_only_tables(), postgresql=server_version())
    with connection.cursor() as cursor:
        cursor.execute("SELECT quote_ident(current_database())")
        wanted = {
            Right(role, "DATABASE", cursor.fetchone()[0], "CONNECT"),
            Right(role, "SCHEMA", "public", "USAGE"),
        }
        cursor.execute(
            "SELECT relname, format('public.%I', relname) FROM pg_class"
            " WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
        )
        names = dict(cursor.fetchall())
        if missing := sorted(tables.keys() - names.keys()):
            raise UnusableRole(f"There is no table {', '.join(missing)}: run migrate first.")
        wanted |= {Right(role, "TABLE", names[table], verb) for table in tables for verb in tables[table]}
        # An identity column draws its numbers for whoever may insert; a serial's sequence asks for itself.
        cursor.execute(
            "SELECT format('public.%I', relname) FROM pg_class WHERE relnamespace = 'public'::regnamespace"
            " AND relkind = 'S' AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_class.oid"
            " AND classid = 'pg_class'::regclass AND deptype = 'i')"
        )
        wanted |= {Right(role, "SEQUENCE", sequence, "USAGE") for (sequence,) in cursor.fetchall()}
        # A trigger's function runs for whoever fires it; one that it calls asks for itself.
        cursor.execute(
            "SELECT format('public.%I(%s)', proname, oidvectortypes(proargtypes)) FROM pg_proc"
            " WHERE pronamespace = 'public'::regnamespace AND prorettype <> 'trigger'::regtype"
            " AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_proc.oid"
            " AND classid = 'pg_proc'::regclass AND deptype = 'e')"
        )
        wanted |= {Right(role, "ROUTINE", function, "EXECUTE") for (function,) in cursor.fetchall()}
    return wanted


_FOUND = """
WITH object AS (
    SELECT 'DATABASE' AS kind, true AS is_ours, quote_ident(datname) AS name, '' AS of_column,
           coalesce(datacl, acldefault('d', datdba)) AS acl
    FROM pg_database WHERE datname = current_database()
    UNION ALL
    SELECT 'SCHEMA', nspname = 'public', quote_ident(nspname), '', nspacl FROM pg_namespace
    UNION ALL
    SELECT CASE relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, relation.is_ours, relation.name,
           column_name, acl
    FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    CROSS JOIN LATERAL (
        SELECT format('%%I.%%I', nspname, relname), nspname = 'public' AND NOT EXISTS (
            SELECT FROM pg_depend
            WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid AND deptype = 'e')
    ) relation (name, is_ours)
    CROSS JOIN LATERAL (
        SELECT '', relacl
        UNION ALL
        SELECT format(' (%%I)', attname), attacl FROM pg_attribute WHERE attrelid = pg_class.oid
    ) part (column_name, acl)
    UNION ALL
    SELECT 'ROUTINE', false, format('%%I.%%I(%%s)', nspname, proname, oidvectortypes(proargtypes)), '', proacl
    FROM pg_proc JOIN pg_namespace ON pg_namespace.oid = pronamespace
    UNION ALL
    SELECT 'PARAMETER', true, parname, '', paracl FROM pg_parameter_acl
)
SELECT CASE entry.grantee WHEN 0 THEN 'PUBLIC' ELSE %(role)s END, kind, name, privilege_type || of_column,
       is_grantable
FROM object CROSS JOIN aclexplode(acl) entry
WHERE entry.grantee = (SELECT oid FROM pg_roles WHERE rolname = %(role)s)
   OR entry.grantee = 0 AND is_ours
      AND (kind, privilege_type) NOT IN (('DATABASE', 'CONNECT'), ('SCHEMA', 'USAGE'))
"""


def _found_rights(role: str) -> set[Right]:
    """What the role was given, and what of everybody's rights here is too much."""
    found = set()
    with connection.cursor() as cursor:
        cursor.execute(_FOUND, {"role": role})
        for grantee, kind, name, verb, passes_on in cursor.fetchall():
            found.add(Right(grantee, kind, name, verb))
            if passes_on:
                found.add(Right(grantee, kind, name, _GRANT_OPTION + verb))
    return found


def _grouped(rights: Iterable[Right]) -> list[tuple[tuple[str, str, str], str]]:
    """Put the verbs on one object together; a grant option is a statement of its own."""
    groups: defaultdict[tuple[str, str, str], list[str]] = defaultdict(list)
    alone = []
    for right in sorted(rights):
        key = (right.grantee, right.kind, right.name)
        if right.verb.startswith(_GRANT_OPTION):
            alone.append((key, right.verb))
        else:
            groups[key].append(right.verb)
    return alone + [(key, ", ".join(verbs)) for key, verbs in groups.items()]


def _quoted(name: str) -> str:
    return name if re.fullmatch(r"[a-z_][a-z0-9_]*", name) else connection.ops.quote_name(name)
