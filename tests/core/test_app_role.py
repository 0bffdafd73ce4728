"""`manage.py grant_app_role`: exactly the rights, whatever the role had before."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from core import rights
from core.append_only import append_only_tables
from tests.databases import connected, drop_role, rows

pytestmark = pytest.mark.django_db


def grant(role, *options):
    """Run the command; return the statements that it prints, the role's name as R."""
    out = StringIO()
    call_command("grant_app_role", role, *options, stdout=out)
    return [line.replace(role, "R") for line in out.getvalue().splitlines()]


def exact(role):
    return grant(role) == ["R has the application's rights and no others."]


def verbs(role, table):
    """What the role may do with a table, by whatever way it came to that."""
    every = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER", "MAINTAIN")
    return {
        verb
        for verb in every
        if rows("SELECT has_table_privilege(%s, %s, %s)", role, table, verb) == [(True,)]
    }


@pytest.fixture
def role(app_role):
    """The role, whose rights the test's transaction may change."""
    assert exact(app_role)
    return app_role


@pytest.mark.parametrize(
    ("table", "allowed"),
    [
        ("points_transactions", rights.ADD),
        ("lot_allocations", rights.ADD),
        ("core_auditentry", rights.ADD),
        ("tier_changes", rights.ADD),
        ("order_steps", rights.ADD),
        ("django_admin_log", rights.ALL - {"UPDATE"}),
        ("user_points", rights.KEEP),
        ("point_lots", rights.KEEP),
        ("user_vouchers", rights.KEEP),
        ("orders", rights.KEEP | rights.ANALYZE),
        ("django_migrations", rights.READ),
        ("auth_permission", rights.READ),
        ("role_grants", rights.READ),
        ("core_outboxmessage", rights.ALL),
        ("users_groups", rights.ALL),
        ("order_import_rows", rights.ALL | rights.ANALYZE),
    ],
)
def test_a_table_can_be_used_as_the_application_uses_it_and_in_no_other_way(role, table, allowed):
    assert verbs(role, table) == allowed


def test_no_table_can_be_emptied_hung_with_triggers_or_referred_to(role):
    tables = [table for (table,) in rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
    assert len(tables) > 50
    for table in tables:
        assert verbs(role, table) <= rights.ALL | rights.ANALYZE
        assert "SELECT" in verbs(role, table)


def test_a_table_whose_triggers_refuse_changes_is_only_added_to_whatever_its_model_says(role):
    found = ["core_auditentry", "lot_allocations", "points_transactions", "ticket_changes"]
    assert append_only_tables() == found
    rows("CREATE TRIGGER users_append_only BEFORE UPDATE ON users EXECUTE FUNCTION core_refuse_change()")
    assert grant(role) == ["REVOKE DELETE, UPDATE ON TABLE public.users FROM R;"]


def test_the_role_has_a_login_a_password_and_no_powers(role):
    powers = "rolcanlogin, rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls"
    ((*flags, password),) = rows(f"SELECT {powers}, rolpassword FROM pg_authid WHERE rolname = %s", role)
    assert flags == [True, False, False, False, False, False]
    assert password.startswith("SCRAM-SHA-256$")


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        (
            "GRANT DELETE ON points_transactions TO {}",
            "REVOKE DELETE ON TABLE public.points_transactions FROM R;",
        ),
        (
            "GRANT UPDATE (points) ON lot_allocations TO {}",
            "REVOKE UPDATE (points) ON TABLE public.lot_allocations FROM R;",
        ),
        (
            "GRANT SELECT ON users TO {} WITH GRANT OPTION",
            "REVOKE GRANT OPTION FOR SELECT ON TABLE public.users FROM R;",
        ),
        ("GRANT TRIGGER ON user_points TO PUBLIC", "REVOKE TRIGGER ON TABLE public.user_points FROM PUBLIC;"),
        ("GRANT CREATE ON SCHEMA public TO PUBLIC", "REVOKE CREATE ON SCHEMA public FROM PUBLIC;"),
        ("GRANT CREATE ON SCHEMA public TO {}", "REVOKE CREATE ON SCHEMA public FROM R;"),
        (
            "GRANT UPDATE ON SEQUENCE points_transactions_id_seq TO {}",
            "REVOKE UPDATE ON SEQUENCE public.points_transactions_id_seq FROM R;",
        ),
        (
            "GRANT SET ON PARAMETER session_replication_role TO {}",
            "REVOKE SET ON PARAMETER session_replication_role FROM R;",
        ),
        (
            "GRANT SET ON PARAMETER session_replication_role TO PUBLIC",
            "REVOKE SET ON PARAMETER session_replication_role FROM PUBLIC;",
        ),
        ("GRANT pg_write_all_data TO {}", "REVOKE pg_write_all_data FROM R;"),
        ("ALTER ROLE {} CREATEROLE BYPASSRLS NOLOGIN", "ALTER ROLE R LOGIN NOCREATEROLE NOBYPASSRLS;"),
        ("REVOKE INSERT ON orders FROM {}", "GRANT INSERT ON TABLE public.orders TO R;"),
        (
            "REVOKE EXECUTE ON FUNCTION catalog_words FROM {}",
            "GRANT EXECUTE ON ROUTINE public.catalog_words(text) TO R;",
        ),
    ],
)
def test_what_is_too_much_is_taken_and_what_is_too_little_given(role, given, taken):
    rows(given.format(role))
    assert grant(role, "--dry-run") == [taken]
    assert grant(role) == [taken]
    assert exact(role)


def test_a_new_serial_column_may_be_counted_up_and_not_set(role):
    rows("CREATE TABLE later (id serial)")
    assert grant(role) == ["GRANT USAGE ON SEQUENCE public.later_id_seq TO R;"]


def test_a_dry_run_changes_nothing(role):
    rows(f"GRANT DELETE ON points_transactions TO {role}")
    grant(role, "--dry-run")
    assert "DELETE" in verbs(role, "points_transactions")


def test_a_password_is_set_and_not_shown(role, monkeypatch):
    stored = "SELECT rolpassword FROM pg_authid WHERE rolname = %s"
    before = rows(stored, role)
    monkeypatch.setenv("APP_ROLE_PASSWORD", "correct horse")
    assert grant(role) == ["ALTER ROLE R PASSWORD '…';"]
    assert rows(stored, role) != before


@pytest.mark.parametrize("name", ["", "pg_app", "public", "none", "x" * 64])
def test_a_name_that_is_none_is_refused(name):
    with pytest.raises(CommandError, match="can't be a role's name"):
        grant(name)


def test_neither_the_one_who_runs_it_nor_a_superuser_nor_an_owner_can_be_the_role(role):
    ((owner,),) = rows("SELECT current_user")
    with pytest.raises(CommandError, match=f"{owner} is who runs this"):
        grant(owner)
    rows("CREATE ROLE boss SUPERUSER; CREATE ROLE holder")
    rows("CREATE TABLE held (); ALTER TABLE held OWNER TO holder")
    with pytest.raises(CommandError, match="boss is a superuser"):
        grant("boss")
    with pytest.raises(CommandError, match="holder owns 1 objects"):
        grant("holder")


def test_a_database_that_was_not_migrated_is_refused(role):
    rows("ALTER TABLE tier_changes RENAME TO tier_moves")
    with pytest.raises(CommandError, match=r"^There is no table tier_changes: run migrate first\.$"):
        grant(role)


@pytest.mark.django_db(transaction=True)
def test_who_does_not_own_the_tables_gives_nothing(app_role):
    rows("CREATE ROLE stranger LOGIN CREATEROLE")
    try:
        with connected(USER="stranger"), pytest.raises(CommandError) as refusal:
            grant("made_by_a_stranger")
        assert "Without effect" in str(refusal.value) or "Nothing was changed" in str(refusal.value)
        assert rows("SELECT FROM pg_roles WHERE rolname = 'made_by_a_stranger'") == []
    finally:
        drop_role("stranger")
