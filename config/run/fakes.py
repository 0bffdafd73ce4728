"""Outside services that stand in for the real ones, where no credentials are set: for trying, on loopback."""

import os
import secrets
import signal
import socket
import sys
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from config.run.children import Child

TRIAL_PROJECT = "markethub-trial"
TRIAL_KEY = "markethub-trial-key"
_STREAM = ("STREAM_CHAT_API_KEY", "STREAM_CHAT_SECRET")
_FIREBASE = ("FIREBASE_PROJECT_ID", "FIREBASE_CLIENT_EMAIL", "FIREBASE_PRIVATE_KEY")


def fake_firebase(logs: Path) -> list[Child]:
    """Set Firebase's variables for a fake of it, unless one is set, and return its program, not started yet.

    What it gets is in its log, a line for each push.
    """
    if any(os.environ.get(name) for name in _FIREBASE):
        return []
    port, address = _listen()
    os.environ.update(
        FIREBASE_PROJECT_ID=TRIAL_PROJECT,
        FIREBASE_CLIENT_EMAIL="trial@markethub.invalid",
        FIREBASE_PRIVATE_KEY=_private_key(),
        FIREBASE_TOKEN_URL=f"{address}/token",
        FCM_URL=address,
    )
    return [_fake("fake-firebase", "tests.fakes.fcm", port, logs)]


def fake_stream(logs: Path, site: str) -> list[Child]:
    """Set Stream's variables for a fake of it, unless one is set, and return its program, not started yet.

    What it gets is in its log, a line for each user, channel and message, and kept beside the logs for the
    next run; it tells `site` of messages.
    """
    if any(os.environ.get(name) for name in _STREAM):
        return []
    port, address = _listen()
    os.environ.update(
        STREAM_CHAT_API_KEY=TRIAL_KEY, STREAM_CHAT_SECRET=secrets.token_hex(32), STREAM_CHAT_URL=address
    )
    hook = f"--webhooks={site}/chat/webhooks/stream/"
    kept = f"--kept={logs.parent / 'fake-stream.json'}"
    return [_fake("fake-stream", "tests.fakes.stream", port, logs, hook, kept)]


def _listen() -> tuple[int, str]:
    """Return a socket, which listens as long as we run (the fake may be started again), and its address."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(128)
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    port = listener.detach()
    os.set_inheritable(port, True)
    return port, address


def _fake(name: str, module: str, port: int, logs: Path, *options: str) -> Child:
    command = [sys.executable, "-m", module, f"--fd={port}", *options]
    return Child(name, command, logs, orphaned=signal.SIGTERM, inherits=(port,))


def _private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
