"""As whom a server runs. PostgreSQL refuses uid 0; a child must not outlive its supervisor."""

import ctypes
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

NOBODY = 65534
_CLONE_NEWUSER = 0x10000000  # linux/sched.h
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


@dataclass(frozen=True)
class Identity:
    """Applied in the child between fork and exec.

    Attributes:
        uid, gid: become this user, when given.
        in_namespace: stay who we are outside, but be `nobody` in a user namespace of one's own.
    """

    uid: int | None = None
    gid: int | None = None
    in_namespace: bool = False

    def before_exec(self, end_with_parent: signal.Signals | None = None) -> Callable[[], None]:
        """What `subprocess` must call in the child (its `preexec_fn`)."""
        parent = os.getpid()
        libc = ctypes.CDLL(None, use_errno=True)

        def become() -> None:
            if self.in_namespace:
                _enter_user_namespace(libc)
            elif self.uid is not None and self.gid is not None:
                os.setgroups([])
                os.setgid(self.gid)
                os.setuid(self.uid)
            # Last: every change of credentials forgets the parent-death signal.
            if end_with_parent is not None and sys.platform == "linux":
                libc.prctl(_PR_SET_PDEATHSIG, end_with_parent)
                if os.getppid() != parent:  # it died before the kernel was told
                    os._exit(1)

        return become

    def own(self, folder: Path) -> None:
        """Give `folder` and what is in it, and nothing above it, to the user that the server becomes."""
        if os.geteuid() != 0:
            return
        uid, gid = self.uid or 0, self.gid or 0
        if (folder.stat().st_uid, folder.stat().st_gid) == (uid, gid):
            return
        for parent, folders, files in os.walk(folder):
            for name in (*folders, *files):
                os.chown(os.path.join(parent, name), uid, gid, follow_symlinks=False)
        os.chown(folder, uid, gid)  # last, so that an interrupted change is taken up again


def identity_for(home: Path, *, refuses_root: bool) -> Identity:
    """Choose for the server whose files are in `home`.

    Root runs a server as the user who owns its files, so that this user can run it again later. For files of
    its own it stays root where the server allows that, else takes a user namespace where the system allows
    one, else becomes `nobody`.
    """
    if os.geteuid() != 0:
        return Identity()
    owner = home.stat()
    if owner.st_uid != 0:
        return Identity(uid=owner.st_uid, gid=owner.st_gid)
    if not refuses_root:
        return Identity()
    if _user_namespace_allowed():
        return Identity(in_namespace=True)
    return Identity(uid=NOBODY, gid=NOBODY)


def _enter_user_namespace(libc: ctypes.CDLL) -> None:
    uid, gid = os.geteuid(), os.getegid()
    if libc.unshare(_CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    for name, line in (
        ("setgroups", "deny"),
        ("uid_map", f"{NOBODY} {uid} 1"),
        ("gid_map", f"{NOBODY} {gid} 1"),
    ):
        descriptor = os.open(f"/proc/self/{name}", os.O_WRONLY)
        os.write(descriptor, line.encode())
        os.close(descriptor)


def _user_namespace_allowed() -> bool:
    probe = shutil.which("true")
    if sys.platform != "linux" or probe is None:
        return False
    try:
        subprocess.run([probe], preexec_fn=Identity(in_namespace=True).before_exec(), check=True)
    except (OSError, subprocess.SubprocessError):
        return False
    return True
