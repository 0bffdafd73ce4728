"""What entry points call before anything reads the settings."""

import os
import sys
from pathlib import Path

from config.embedded.postgres import PostgreSQL
from config.embedded.redis import Redis
from config.embedded.secret import kept_secret
from config.embedded.server import Server
from config.embedded.user import PROJECT, ServiceFailed, Use

_uses: dict[str, Use] = {}


def data_directory() -> Path:
    """`DATA_DIR`, or `var/` in the project."""
    return Path(os.environ.get("DATA_DIR") or PROJECT / "var").resolve()


def embedded_names() -> list[str]:
    """Which servers this process embeds."""
    return sorted(_uses)


def provide(data_dir: Path | None = None, *, durable: bool = True, secret_key: bool = False) -> None:
    """Embed what the environment does not name, and name it there.

    A process started by one that embeds inherits addresses of embedded servers: those count as not named, so
    that it holds a lock of its own and they do not stop under it.

    Args:
        data_dir: where the data is; `DATA_DIR` is set to it. `data_directory()` by default.
        durable: False only for data that may be lost in a power cut.
        secret_key: make a missing SECRET_KEY even where nothing is embedded.

    Raises:
        ServiceFailed: a server did not start.
    """
    folder = (data_dir or data_directory()).resolve()
    os.environ["DATA_DIR"] = str(folder)
    for kind in (PostgreSQL, Redis):
        server: Server = kind(folder, durable=durable)
        if server.name not in _uses and os.environ.get(server.variable) in (None, "", server.url):
            use = Use(server)
            use.start()
            _uses[server.name] = use
            os.environ[server.variable] = server.url
    if not os.environ.get("SECRET_KEY") and (_uses or secret_key):
        os.environ["SECRET_KEY"] = kept_secret(folder / "secret_key")


def provide_or_exit() -> None:
    """`provide()` for a command: a failure is one line and exit status 1."""
    try:
        provide()
    except ServiceFailed as failure:
        sys.exit(str(failure))


def keep() -> None:
    """Start again what was killed together with its supervisor."""
    for use in _uses.values():
        use.keep()


def withdraw() -> None:
    """Stop using the embedded servers; return when those that nobody else uses are gone."""
    while _uses:
        _uses.popitem()[1].end()
