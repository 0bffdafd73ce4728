"""Outside services that stand in for the real ones, where no credentials are set: for trying, on loopback."""

import os
import signal
import socket
import sys
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from config.run.children import Child

TRIAL_PROJECT = "markethub-trial"
_FIREBASE = ("FIREBASE_PROJECT_ID", "FIREBASE_CLIENT_EMAIL", "FIREBASE_PRIVATE_KEY")


def fake_firebase(logs: Path) -> list[Child]:
    """Set Firebase's variables for a fake of it, unless one is set, and return its program, not started yet.

    What it gets is in its log, a line for each push.
    """
    if any(os.environ.get(name) for name in _FIREBASE):
        return []
    listener = socket.socket()  # open for as long as we run: the fake may be started again
    listener.bind(("127.0.0.1", 0))
    listener.listen(128)
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    os.environ.update(
        FIREBASE_PROJECT_ID=TRIAL_PROJECT,
        FIREBASE_CLIENT_EMAIL="trial@markethub.invalid",
        FIREBASE_PRIVATE_KEY=_private_key(),
        FIREBASE_TOKEN_URL=f"{address}/token",
        FCM_URL=address,
    )
    port = listener.detach()
    os.set_inheritable(port, True)
    command = [sys.executable, "-m", "tests.fakes.fcm", f"--fd={port}"]
    return [Child("fake-firebase", command, logs, orphaned=signal.SIGTERM, inherits=(port,))]


def _private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
