"""What the supervisor and the users of a server know about it."""

from abc import ABC, abstractmethod
from importlib.util import find_spec
from pathlib import Path
from signal import Signals
from typing import ClassVar

from config.embedded.identity import Identity
from config.embedded.sockets import make_private, socket_folder


class Server(ABC):
    """One embedded server; its files are in `data_dir/<name>`, its output in `data_dir/logs/<name>.log`."""

    name: ClassVar[str]
    title: ClassVar[str]
    variable: ClassVar[str]  # the environment variable that replaces the embedded server
    socket_name: ClassVar[str]
    longest_socket_name: ClassVar[str]
    stop_signal: ClassVar[Signals]
    kill_signal: ClassVar[Signals] = Signals.SIGKILL
    refuses_root: ClassVar[bool]

    def __init__(self, data_dir: Path, *, durable: bool = True) -> None:
        """`durable=False` trades safety from a power cut for speed: for data that tests throw away."""
        self.data_dir = data_dir
        self.durable = durable
        self.home = data_dir / self.name
        self.log = data_dir / "logs" / f"{self.name}.log"
        self.socket_folder = socket_folder(self.home, self.longest_socket_name)
        self.socket = self.socket_folder / self.socket_name

    @property
    @abstractmethod
    def url(self) -> str:
        """What the environment variable is set to."""

    @abstractmethod
    def accepts(self) -> bool:
        """Whether a client can use the server this moment."""

    @abstractmethod
    def prepare(self, identity: Identity) -> None:
        """Make the files that the server needs, and remove what a killed one left. It is not running."""

    @abstractmethod
    def command(self) -> list[str]: ...

    def finish(self) -> bool:
        """Do what can only be done once the server runs; False while it is too early."""
        return self.accepts()

    def make_folders(self) -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        make_private(self.home)

    def make_socket_folder(self, identity: Identity) -> None:
        if self.socket_folder != self.home:
            make_private(self.socket_folder)
            identity.own(self.socket_folder)
        self.socket.unlink(missing_ok=True)


def wheel_folder(package: str) -> Path:
    """Where an installed package has its files, without importing it."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError(f"the package {package} is not installed: pip install -r requirements.txt")
    return Path(next(iter(spec.submodule_search_locations)))
