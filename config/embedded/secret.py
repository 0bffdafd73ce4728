"""Secrets that an installation was not given: made once, kept with its data."""

import os
import secrets
from pathlib import Path


def kept_secret(path: Path, *, length: int = 48) -> str:
    """The secret in `path`, made at the first call, whichever of several processes makes it.

    Args:
        length: of the randomness, in bytes.
    """
    try:
        return path.read_text()
    except FileNotFoundError:
        pass
    draft = _draft(path, secrets.token_urlsafe(length))
    try:
        os.link(draft, path)  # fails, unlike a rename, where another process was first
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    return path.read_text()


def keep_secret(path: Path, secret: str) -> None:
    """Keep a secret in `path`, in the place of what was there."""
    _draft(path, secret).replace(path)


def _draft(path: Path, secret: str) -> Path:
    """Write a file beside `path` that nobody else can read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secret)
    return draft
