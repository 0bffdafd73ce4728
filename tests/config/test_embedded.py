"""The embedded servers, used by processes of their own under data directories of their own."""

import os
import signal
import stat
import tempfile
from pathlib import Path

import dj_database_url
import psycopg2
import pytest
import redis

from config.embedded.locks import processes_holding
from tests.config.users import (
    User,
    begin_use,
    environment,
    eventually,
    kill_everything,
    postmaster,
    processes_of,
    run_python,
    use,
)


def query(address: str, statement: str) -> list[tuple[object, ...]]:
    connection = psycopg2.connect(address)
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


def redis_call(address: str, *command: str) -> object:
    client = redis.Redis.from_url(address, decode_responses=True)
    try:
        return client.execute_command(*command)
    finally:
        client.close()


def test_the_first_user_finds_both_servers_set_up_as_decided(data_dir: Path) -> None:
    with use(data_dir) as user:
        settings = query(
            user.database,
            "SELECT current_setting('listen_addresses'), current_setting('max_connections'),"
            " current_setting('TimeZone'), current_setting('server_encoding'), current_setting('autovacuum'),"
            " current_setting('unix_socket_permissions'), current_database(), current_user,"
            " (SELECT format('%s %s', datlocprovider, datlocale) FROM pg_database"
            "  WHERE datname = current_database())",
        )
        assert settings == [
            ("", "100", "UTC", "UTF8", "on", "0700", "markethub", "postgres", "b C.UTF-8"),
        ]
        assert redis_call(user.redis, "CONFIG", "GET", "appendonly") == {"appendonly": "yes"}
        assert redis_call(user.redis, "CONFIG", "GET", "port") == {"port": "0"}
        sockets = [data_dir / "postgres/.s.PGSQL.5432", data_dir / "redis/redis.sock"]
        assert [stat.S_IMODE(socket.stat().st_mode) for socket in sockets] == [0o700, 0o700]
        assert [stat.S_IMODE(socket.parent.stat().st_mode) for socket in sockets] == [0o700, 0o700]


def test_django_reads_the_address_of_the_embedded_database_with_its_capitals(data_dir: Path) -> None:
    with use(data_dir) as user:
        assert dj_database_url.parse(user.database)["OPTIONS"] == {"host": str(data_dir / "postgres")}


def test_five_processes_at_once_share_one_server_of_each_kind(data_dir: Path) -> None:
    users = [User(process) for process in [begin_use(data_dir) for _ in range(5)]]
    try:
        assert len({(user.database, user.redis) for user in users}) == 1
        assert users[0].database != "failed"
        for name in ("postgres", "redis"):
            assert len(processes_holding(data_dir / name / "supervisor.lock")) == 1
        users[0].kill()
        assert query(users[1].database, "SELECT 1") == [(1,)]
    finally:
        for user in users[1:]:
            user.release()
    assert eventually(lambda: not processes_of(data_dir))


def test_the_servers_stop_after_the_last_user_was_killed(data_dir: Path) -> None:
    with use(data_dir) as first, use(data_dir) as second:
        first.kill()
        assert query(second.database, "SELECT 1") == [(1,)]
        second.kill()
    assert eventually(lambda: not processes_of(data_dir))
    assert "database system is shut down" in (data_dir / "logs/postgres.log").read_text()
    assert not (data_dir / "postgres/data/postmaster.pid").exists()


def test_after_a_kill_of_everything_the_next_start_finds_its_data(data_dir: Path) -> None:
    with use(data_dir) as user:
        query(user.database, "CREATE TABLE kept AS SELECT 7 AS seven")
        redis_call(user.redis, "SET", "kept", "7")
        kill_everything(data_dir)
    with use(data_dir) as user:
        assert query(user.database, "SELECT seven FROM kept") == [(7,)]
        assert redis_call(user.redis, "GET", "kept") == "7"


def test_a_pid_file_that_names_a_living_stranger_does_not_stop_the_start(data_dir: Path) -> None:
    with use(data_dir):
        kill_everything(data_dir)
    assert eventually(lambda: not processes_of(data_dir))
    pid_file = data_dir / "postgres/data/postmaster.pid"
    pid_file.write_text(pid_file.read_text().replace(pid_file.read_text().split()[0], str(os.getpid()), 1))
    with use(data_dir) as user:
        assert query(user.database, "SELECT 1") == [(1,)]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_server_that_dies_under_its_users_is_started_again(data_dir: Path, how: signal.Signals) -> None:
    with use(data_dir) as user:
        before = postmaster(data_dir)
        os.kill(before, how)

        def is_back() -> bool:
            try:
                return query(user.database, "SELECT 1") == [(1,)] and postmaster(data_dir) != before
            except (psycopg2.OperationalError, FileNotFoundError):
                return False

        assert eventually(is_back)


def test_servers_do_not_outlive_a_killed_supervisor_and_the_next_user_starts_another(data_dir: Path) -> None:
    with use(data_dir) as user:
        for name in ("postgres", "redis"):
            (supervisor,) = processes_holding(data_dir / name / "supervisor.lock")
            os.kill(supervisor, signal.SIGKILL)
        servers = [data_dir / name / "server.lock" for name in ("postgres", "redis")]
        assert eventually(lambda: not any(processes_holding(lock) for lock in servers))
        with use(data_dir) as next_user:
            assert next_user.database == user.database
            assert query(user.database, "SELECT 1") == [(1,)]


def test_a_child_process_holds_a_use_of_its_own(data_dir: Path) -> None:
    with (
        use(data_dir) as parent,
        use(data_dir, DATABASE_URL=parent.database, REDIS_URL=parent.redis) as child,
    ):
        parent.kill()
        assert not eventually(lambda: len(processes_of(data_dir)) < 4, seconds=2.5)
        assert query(child.database, "SELECT 1") == [(1,)]


def test_a_path_too_long_for_a_socket_gets_a_private_folder_elsewhere(data_dir: Path) -> None:
    deep = data_dir / ("d" * 90)
    with tempfile.TemporaryDirectory(dir="/tmp") as temporary, use(deep, TMPDIR=temporary) as user:
        assert query(user.database, "SELECT 1") == [(1,)]
        assert redis_call(user.redis, "PING") is True
        folders = list(Path(temporary).glob("markethub-*"))
        assert [stat.S_IMODE(folder.stat().st_mode) for folder in folders] == [0o700, 0o700]
        kill_everything(deep)


def test_two_data_directories_have_servers_of_their_own(tmp_path: Path, data_dir: Path) -> None:
    other = tmp_path / "other"
    with use(data_dir) as one, use(other) as two:
        query(one.database, "CREATE TABLE here (id int)")
        assert query(two.database, "SELECT to_regclass('here')") == [(None,)]
        redis_call(one.redis, "SET", "here", "1")
        assert redis_call(two.redis, "GET", "here") is None
        kill_everything(other)


def test_folders_above_the_data_keep_their_permissions(tmp_path: Path, data_dir: Path) -> None:
    above = tmp_path / "above"
    above.mkdir(mode=0o700)
    folder = above / "data"
    with use(folder):
        assert stat.S_IMODE(above.stat().st_mode) == 0o700
        assert above.stat().st_uid == os.geteuid()
        kill_everything(folder)


def test_nothing_is_embedded_when_both_addresses_are_given(data_dir: Path) -> None:
    with use(data_dir, DATABASE_URL="postgresql://db/x", REDIS_URL="redis://cache/0") as user:
        assert (user.database, user.redis) == ("postgresql://db/x", "redis://cache/0")
        assert not data_dir.exists()


def test_only_redis_is_embedded_when_the_database_is_given(data_dir: Path) -> None:
    with use(data_dir, DATABASE_URL="postgresql://db/x") as user:
        assert user.database == "postgresql://db/x"
        assert redis_call(user.redis, "PING") is True
        assert not (data_dir / "postgres").exists()


def test_a_server_that_cannot_start_says_why_in_one_line(data_dir: Path) -> None:
    (data_dir / "postgres/data").mkdir(parents=True)
    with begin_use(data_dir) as process:
        error = process.communicate(timeout=20)[1]
    assert process.returncode == 1
    (line,) = error.splitlines()
    assert line.startswith("PostgreSQL did not start: ")
    assert str(data_dir / "logs/postgres.log") in line


def test_a_secret_key_is_made_once_and_only_its_owner_reads_it(data_dir: Path) -> None:
    script = (
        "import os; from config.embedded import provide;"
        " provide(secret_key=True); print(os.environ['SECRET_KEY'])"
    )
    named = environment(data_dir, DATABASE_URL="postgresql://db/x", REDIS_URL="redis://cache/0")
    processes = [run_python("-c", script, environment=named) for _ in range(3)]
    keys = {process.communicate(timeout=20)[0].strip() for process in processes}
    assert keys == {(data_dir / "secret_key").read_text()}
    assert len(keys.pop()) == 64
    assert stat.S_IMODE((data_dir / "secret_key").stat().st_mode) == 0o600
    assert [path.name for path in data_dir.iterdir()] == ["secret_key"]


@pytest.mark.parametrize("missing", ["SECRET_KEY", "DATABASE_URL", "REDIS_URL"])
def test_settings_name_what_is_missing_and_start_nothing(data_dir: Path, missing: str) -> None:
    named = {
        "DATABASE_URL": "postgresql://db/x",
        "REDIS_URL": "redis://cache/0",
        "SECRET_KEY": "0123456789abcdef0123456789abcdef",
    }
    del named[missing]
    with run_python("-c", "import config.settings", environment=environment(data_dir, **named)) as process:
        error = process.communicate(timeout=20)[1]
    assert process.returncode == 1
    assert f"ImproperlyConfigured: {missing} is missing" in error.splitlines()[-1]
    assert not (data_dir / "postgres").exists()
    assert not (data_dir / "redis").exists()


def test_manage_py_in_production_names_a_missing_secret_key(data_dir: Path) -> None:
    named = environment(data_dir, DATABASE_URL="postgresql://db/x", REDIS_URL="redis://cache/0")
    with run_python("manage.py", "check", environment=named) as process:
        error = process.communicate(timeout=20)[1]
    assert process.returncode == 1
    assert "SECRET_KEY is missing" in error.splitlines()[-1]
