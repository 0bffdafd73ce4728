"""Firebase Cloud Messaging on loopback: an OAuth token endpoint and `messages:send` of HTTP v1.

`make run` starts it by itself where no credentials are set: it writes a line for each push that arrives.
Benchmarks have it in a process of its own, and ask it at `/seen` what it accepted.
"""

import argparse
import asyncio
import gc
import json
import signal
import socket
import threading
import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

PROJECT = "fake-project"
EMAIL = "sender@fake-project.iam.gserviceaccount.com"
_FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"


def private_key() -> str:
    """Make a service account's key, in PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def environment(url: str, key: str) -> dict[str, str]:
    """What a process needs that shall send to the fake at `url`."""
    return {
        "FIREBASE_PROJECT_ID": PROJECT,
        "FIREBASE_CLIENT_EMAIL": EMAIL,
        "FIREBASE_PRIVATE_KEY": key,
        "FIREBASE_TOKEN_URL": f"{url}/token",
        "FCM_URL": url,
    }


@dataclass(frozen=True)
class Said:
    """An answer that the fake gives instead of 200. A status of 0 hangs up without one, and one below 0 after
    so many seconds of silence; `cut` hangs up in the middle of the answer."""

    status: int
    word: str = ""
    google_status: str = ""
    retry_after: str = ""
    body: bytes | None = None
    cut: bool = False


class FakeFcm:
    """A server in a thread of its own. `said[address]` are answers for a device, each given once and the last
    one for ever; `accepted` counts by notification id, `times` says when each message came, and `messages`
    has what came, in order."""

    def __init__(
        self, listener: socket.socket | None = None, *, keep: bool = True, delay: float = 0.0
    ) -> None:
        self.said: defaultdict[str, list[Said]] = defaultdict(list)
        self.accepted: Counter[str] = Counter()
        self.messages: list[dict[str, Any]] = []
        self.times: list[float] = []
        self.tokens_given = 0
        self.refuse_tokens = False
        self.token_answer: bytes | None = None
        self._keep, self._delay = keep, delay
        self._names = 0
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._listener = listener or socket.create_server(("127.0.0.1", 0), backlog=1024)
        self._port = self._listener.getsockname()[1]
        self._open: set[asyncio.Transport] = set()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        if not self._ready.wait(10):
            raise RuntimeError("the fake does not start")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._open)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def most_in_a_second(self) -> int:
        """Return how many messages came in the busiest second of any."""
        most, start = 0, 0
        for end, at in enumerate(self.times):
            while self.times[start] <= at - 1.0:
                start += 1
            most = max(most, end - start + 1)
        return most

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(
            self._loop.create_server(lambda: _Connection(self, self._loop, self._open), sock=self._listener)
        )
        self._ready.set()
        self._loop.run_forever()
        server.close()
        for transport in list(self._open):
            transport.abort()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    def answer(self, path: str, authorization: str, body: bytes) -> tuple[bytes, float]:
        """Return what a request is answered, and after how many seconds; nothing to hang up."""
        if path.endswith(":send"):
            return self._message(authorization, body)
        if path.startswith("/came"):
            return _http(200, b"%d" % len(self.times)), 0.0
        if path.startswith("/seen"):
            return _http(200, json.dumps(self._seen()).encode()), 0.0
        if path.startswith("/forget"):
            self.accepted.clear()
            self.times.clear()
            self.messages.clear()
            return _http(200, b"{}"), 0.0
        return self._token(), 0.0

    def _seen(self) -> dict[str, Any]:
        return {
            "accepted": self.accepted,
            "came": len(self.times),
            "seconds": self.times[-1] - self.times[0] if self.times else 0.0,
            "most_in_a_second": self.most_in_a_second(),
        }

    def _token(self) -> bytes:
        if self.token_answer is not None:
            return self.token_answer
        if self.refuse_tokens:
            return _http(400, json.dumps({"error": "invalid_grant"}).encode())
        self.tokens_given += 1
        said = {"access_token": f"token-{self.tokens_given}", "expires_in": 3600, "token_type": "Bearer"}
        return _http(200, json.dumps(said).encode())

    def _message(self, authorization: str, body: bytes) -> tuple[bytes, float]:
        self.times.append(time.monotonic())
        message = json.loads(body)["message"]
        if self._keep:
            self.messages.append({"message": message, "authorization": authorization})
        script = self.said.get(message.get("token") or message.get("fid")) if self.said else None
        said = (script.pop(0) if len(script) > 1 else script[0]) if script else None
        if said is None or said.status == 200:
            self.accepted[message["data"]["notification_id"]] += 1
            self._names += 1
            answer = b'{"name": "projects/%s/messages/%d"}' % (PROJECT.encode(), self._names)
            if said is not None and said.body is not None:
                answer = said.body
            whole = _http(200, answer)
            return (whole[: -len(answer) // 2] if said is not None and said.cut else whole), self._delay
        if said.status <= 0:
            return b"", self._delay - said.status
        if said.body is not None:
            return _http(said.status, said.body, said.retry_after), self._delay
        details = [{"@type": _FCM_ERROR, "errorCode": said.word}] if said.word else []
        error = {"code": said.status, "message": "no", "status": said.google_status, "details": details}
        return _http(said.status, json.dumps({"error": error}).encode(), said.retry_after), self._delay


class _Connection(asyncio.Protocol):
    """Reads one request after another; a plain protocol, for the fake must not be what is measured."""

    def __init__(
        self, fake: FakeFcm, loop: asyncio.AbstractEventLoop, connections: set[asyncio.Transport]
    ) -> None:
        self._fake, self._loop, self._open = fake, loop, connections
        self._came = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._open.add(transport)

    def connection_lost(self, _: Exception | None) -> None:
        self._open.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        self._came += data
        head, found, rest = self._came.partition(b"\r\n\r\n")
        if not found:
            return
        request, *lines = head.split(b"\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(b": ") for line in lines)}
        length = int(headers.get(b"content-length", b"0"))
        if len(rest) < length:
            return
        self._came = rest[length:]
        path = request.split(b" ")[1].decode()
        authorization = headers.get(b"authorization", b"").decode()
        answer, wait = self._fake.answer(path, authorization, rest[:length])
        if wait > 0:
            self._loop.call_later(wait, self._give, answer)
        else:
            self._give(answer)

    def _give(self, answer: bytes) -> None:
        head, _, body = answer.partition(b"\r\n\r\n")
        self._transport.write(answer)
        if not answer or b"Content-Length: %d" % len(body) not in head:
            self._transport.close()


def _http(status: int, body: bytes, retry_after: str = "") -> bytes:
    head = f"HTTP/1.1 {status} said\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    if retry_after:
        head += f"Retry-After: {retry_after}\r\n"
    return head.encode() + b"\r\n" + body


def main() -> None:
    parser = argparse.ArgumentParser(description="A fake of Firebase Cloud Messaging.")
    parser.add_argument("--fd", type=int, required=True, help="a socket that listens")
    parser.add_argument("--delay", type=float, default=0.0, help="so many seconds until it answers")
    parser.add_argument("--quiet", action="store_true", help="count what comes, and keep nothing else of it")
    options = parser.parse_args()
    fake = FakeFcm(socket.socket(fileno=options.fd), keep=not options.quiet, delay=options.delay)
    print(f"fake FCM at {fake.url}", flush=True)
    if options.quiet:
        gc.freeze()
        gc.disable()  # a pause would look like a rate that was not kept
        signal.pause()
    shown = 0
    while True:
        time.sleep(0.2)
        for one in fake.messages[shown:]:
            message = one["message"]
            said = message["notification"]
            to = message.get("token") or message.get("fid")
            print(f"push to …{to[-8:]}: {said['title']} – {said['body']}", flush=True)
            shown += 1


if __name__ == "__main__":
    main()
