"""Where a server's Unix socket is put: kernels take no path of 108 bytes or more."""

import hashlib
import os
import stat
import tempfile
from pathlib import Path

LONGEST_PATH = 107


def socket_folder(home: Path, longest_name: str) -> Path:
    """The folder for a server's socket: its home, or a short one named after it for long paths."""
    if _fits(home / longest_name):
        return home
    digest = hashlib.sha256(os.fsencode(home)).hexdigest()[:20]
    folder = Path(tempfile.gettempdir()) / f"markethub-{digest}"
    return folder if _fits(folder / longest_name) else Path("/tmp") / folder.name  # noqa: S108


def make_private(folder: Path) -> None:
    """Make `folder` for this user alone.

    Raises:
        PermissionError: somebody else made it first (a temporary directory is open to all).
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or os.geteuid() not in (0, found.st_uid):
        raise PermissionError(f"{folder} belongs to another user")
    if stat.S_IMODE(found.st_mode) != 0o700:
        folder.chmod(0o700)


def _fits(path: Path) -> bool:
    return len(os.fsencode(path)) <= LONGEST_PATH
