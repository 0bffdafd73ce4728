"""`manage.py backup` and `restore`: under load, into an empty database, audited, and worked on."""

import os
import re
import stat
import subprocess
import sys
import threading
from contextlib import contextmanager
from io import StringIO
from itertools import count
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import connection, connections
from django.utils import timezone

from core import outbox, postgres_programs
from core.backups import migrations_apart
from core.contracts import SYSTEM
from orders.services.returns import return_rest
from rewards.models import PointsTransaction, UserPoints, UserVoucher
from rewards.selectors.audit import audit_ledger, ledger_size
from rewards.services.redemption import InsufficientPoints, redeem_option
from tests.databases import PASSWORD, connected, empty_database, environment_of, made_role, rows
from tests.rewards.ledger import deliver_order, make_member

PROJECT = Path(__file__).resolve().parents[2]
MEMBERS, ORDERS_BEFORE = 12, 30

pytestmark = pytest.mark.django_db(transaction=True)


def backup(target, *options):
    out = StringIO()
    call_command("backup", target, *options, stdout=out)
    return out.getvalue().splitlines()


def restore(source, database):
    """Run the command in a process of its own: (exit status, lines it printed, what it said of an error)."""
    done = subprocess.run(
        [sys.executable, "manage.py", "restore", str(source)],
        cwd=PROJECT,
        env=environment_of(database),
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout.splitlines(), done.stderr.strip()


def row_counts():
    return {
        model._meta.db_table: model._default_manager.count()
        for model in apps.get_models(include_auto_created=True)
    }


@pytest.fixture
def empty(transactional_db):
    with empty_database("restored") as database:
        yield database


@pytest.fixture
def target(tmp_path):
    return tmp_path / "of-today.backup"


@contextmanager
def load():
    """Members who redeem, buy and send back, for as long as the block runs."""
    members = [make_member() for _ in range(MEMBERS)]
    for member in members:
        UserPoints.objects.create(user=member, current_points=1000)
    over = threading.Event()
    failures = []
    halves = members[: MEMBERS // 2], members[MEMBERS // 2 :]

    def redeem(member):
        try:
            redeem_option(user_id=member.pk, option_id="voucher-10", offered=100, at=timezone.now())
        except InsufficientPoints:
            deliver_order(member, 5000, at=timezone.now())

    def buy_and_send_back(member):
        order = deliver_order(member, 300, at=timezone.now(), qty=3, accrue=False)
        outbox.deliver("rewards.purchases", seconds=1)
        return_rest(order_id=order.pk, reference="all", actor=SYSTEM, at=timezone.now())
        outbox.deliver("rewards.purchases", seconds=1)

    def work(job, mine):
        try:
            for place in count():
                if over.is_set():
                    return
                job(mine[place % len(mine)])
        except Exception as error:
            failures.append(error)
        finally:
            connections.close_all()

    jobs = [
        (redeem, halves[0]),
        (redeem, members),
        (buy_and_send_back, halves[1]),
        (buy_and_send_back, members),
    ]
    threads = [threading.Thread(target=work, args=job) for job in jobs]
    for thread in threads:
        thread.start()
    try:
        while PointsTransaction.objects.count() < MEMBERS + ORDERS_BEFORE and not failures:
            over.wait(0.02)
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert failures == []


def test_a_backup_under_load_is_one_moment_and_the_restored_site_works_on(target, empty, settings):
    with load():
        before = ledger_size()
        told = backup(target)
        after = ledger_size()
    assert before.transactions < after.transactions  # the site went on
    held = told[-1]

    status, printed, error = restore(target, empty)
    assert (status, error) == (0, "")
    assert printed[-4:-1] == ["Migrations: those of this code", held, "clean"]
    with connected(NAME=empty):
        report = audit_ledger()
        assert (str(report), report.broken) == (held, ())
        assert before.transactions <= report.transactions <= after.transactions
        assert outbox.drain(60)
        with made_role("restored", password=PASSWORD) as role, connected(USER=role, PASSWORD=PASSWORD):
            member = make_member()
            deliver_order(member, 2000, at=timezone.now())
            voucher = redeem_option(
                user_id=member.pk, option_id="voucher-10", offered=100, at=timezone.now()
            ).voucher
            assert UserVoucher.objects.get(user=member) == voucher
            assert UserPoints.objects.get(user=member).current_points == 100
        assert audit_ledger().broken == ()


def test_every_row_column_trigger_and_constraint_comes_back(target, empty):
    member = make_member()
    UserPoints.objects.create(user=member, current_points=1000)
    deliver_order(member, 5000, at=timezone.now())
    # Casts and brackets aside: PostgreSQL writes them anew when it reads its own text.
    bare = r"regexp_replace({}, '::[a-z ]+(\[\])?|[()]', '', 'g')"
    trigger, constraint, index = map(
        bare.format, ("pg_get_triggerdef(oid)", "pg_get_constraintdef(oid)", "indexdef")
    )
    shape = f"""
        SELECT 'column', table_name, column_name, data_type || coalesce(column_default, '') || is_nullable
        FROM information_schema.columns WHERE table_schema = 'public'
        UNION ALL
        SELECT 'trigger', tgrelid::regclass::text, tgname, {trigger} FROM pg_trigger WHERE NOT tgisinternal
        UNION ALL
        SELECT 'constraint', conrelid::regclass::text, conname, {constraint} FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace AND contype <> 'n'
        UNION ALL
        SELECT 'index', tablename, indexname, {index} FROM pg_indexes WHERE schemaname = 'public'
        UNION ALL
        SELECT 'function', proname, '', prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace
    """
    lines = "SELECT * FROM points_transactions ORDER BY id"
    counts, shapes, ledger = row_counts(), set(rows(shape)), rows(lines)
    assert counts["core_outboxmessage"] > 0
    backup(target)
    assert restore(target, empty)[0] == 0
    with connected(NAME=empty):
        assert (row_counts(), rows(lines)) == (counts, ledger)
        assert set(rows(shape)) ^ shapes == set()


def test_the_file_is_for_its_owner_alone_and_is_never_replaced_unasked(target):
    told = backup(target)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert re.fullmatch(rf"{re.escape(str(target))}: [\d,]+ bytes in [\d.]+ s", told[-2])
    assert told[-1] == "0 members, 0 ledger lines, 0 points"
    first = target.read_bytes()
    with pytest.raises(CommandError, match="is there already"):
        backup(target)
    assert target.read_bytes() == first
    UserPoints.objects.create(user=make_member(), current_points=5)
    assert backup(target, "--force")[-1] == "1 members, 1 ledger lines, 5 points"
    assert os.listdir(target.parent) == [target.name]


def test_the_applications_role_may_not_back_up_and_a_failure_leaves_the_last_backup(target, app_role):
    target.write_bytes(b"the last one")
    with connected(USER=app_role, PASSWORD=PASSWORD), pytest.raises(CommandError) as refusal:
        backup(target, "--force")
    assert str(refusal.value).startswith("No backup was made: pg_dump: error: ")
    assert "permission denied" in str(refusal.value)
    assert target.read_bytes() == b"the last one"
    assert os.listdir(target.parent) == [target.name]


def test_a_database_that_holds_anything_is_refused_and_left_alone(target, empty):
    backup(target)
    with connected(NAME=empty):
        rows("CREATE TABLE precious AS SELECT 7 AS seven")
    status, printed, error = restore(target, empty)
    assert (status, printed) == (1, [])
    assert error.startswith(
        f"CommandError: Nothing was restored: The database {empty} is not empty: public.precious"
    )
    with connected(NAME=empty):
        assert rows("SELECT seven FROM precious") == [(7,)]
        assert rows("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == [(1,)]


@pytest.mark.parametrize("cut", [slice(0), slice(1000), slice(-100)], ids=["all", "most", "the last rows"])
def test_a_damaged_file_leaves_the_database_empty(target, empty, cut):
    UserPoints.objects.create(user=make_member(), current_points=5)
    backup(target)
    target.write_bytes(target.read_bytes()[cut])
    status, _, error = restore(target, empty)
    assert status == 1
    assert error.startswith("CommandError: Nothing was restored: pg_restore: ")
    with connected(NAME=empty):
        assert rows("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == [(0,)]


def test_a_ledger_that_is_not_clean_is_restored_and_said(target, empty):
    member = make_member()
    UserPoints.objects.create(user=member, current_points=5)
    rows("UPDATE user_points SET current_points = 4")
    backup(target)
    status, printed, error = restore(target, empty)
    assert (status, error) == (1, "CommandError: 2 rules are broken")
    assert any(line.startswith("BROKEN: current = sum") for line in printed)


def test_a_backup_of_older_code_is_restored_and_waits_for_migrate(target, empty):
    rows("DELETE FROM django_migrations WHERE app = 'demo'")
    try:
        backup(target)
    finally:
        rows("INSERT INTO django_migrations (app, name, applied) VALUES ('demo', '0001_initial', now())")
    status, _, error = restore(target, empty)
    assert status == 1
    assert error == (
        "CommandError: Restored, not audited: the backup is older than this code, without demo.0001_initial. "
        "Run migrate, then audit_ledger."
    )


def test_a_backup_of_newer_code_is_restored_and_said(target, empty):
    rows("INSERT INTO django_migrations (app, name, applied) VALUES ('demo', '0009_later', now())")
    try:
        assert migrations_apart() == ([], ["demo.0009_later"])
        backup(target)
    finally:
        rows("DELETE FROM django_migrations WHERE name = '0009_later'")
    status, _, error = restore(target, empty)
    assert status == 1
    assert error == (
        "CommandError: Restored, not audited: the backup is newer than this code, with demo.0009_later. "
        "Run audit_ledger with the release that made it."
    )


# --- which pg_dump -----------------------------------------------------------------------------------------


def fake(folder, name, version):
    """A program that says this version."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) {version}.1'\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def on_path(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return tmp_path / "bin"


def test_the_programs_of_the_wheel_stand_in_for_older_ones_on_path(on_path):
    server = connection.pg_version // 10_000
    fake(on_path, "pg_dump", server - 3)
    assert postgres_programs.program("pg_dump").version >= server


def test_the_program_of_the_servers_own_version_goes_before_a_newer_one(on_path):
    server = connection.pg_version // 10_000
    fake(on_path, "pg_dump", server + 1)
    assert postgres_programs.program("pg_dump").version == server


@pytest.mark.parametrize(
    ("versions", "message"),
    [
        ([], "There is no pg_dump: install the client programs of PostgreSQL {server}."),
        (
            [15],
            "{path} is of PostgreSQL 15, older than the server's {server}: "
            "install the client programs of {server}.",
        ),
    ],
)
def test_without_a_program_that_is_new_enough_it_is_said_which_one_to_install(
    on_path, monkeypatch, target, versions, message
):
    monkeypatch.setattr(postgres_programs, "_WHEEL", "no_such_wheel")
    server = connection.pg_version // 10_000
    for version in versions:
        fake(on_path, "pg_dump", version)
    with pytest.raises(CommandError) as refusal:
        backup(target)
    told = message.format(server=server, path=on_path / "pg_dump")
    assert str(refusal.value) == f"No backup was made: {told}"
