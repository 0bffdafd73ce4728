"""Firebase Cloud Messaging on loopback: an OAuth token endpoint and `messages:send` of HTTP v1.

`make run` starts it by itself where no credentials are set: it writes a line for each push that arrives.
"""

import argparse
import asyncio
import json
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


@dataclass(frozen=True)
class Said:
    """An answer that the fake gives instead of 200; a status of 0 closes the connection half-way, and one
    below 0 says nothing for so many seconds."""

    status: int
    word: str = ""
    google_status: str = ""
    retry_after: str = ""
    body: bytes | None = None


class FakeFcm:
    """A server in a thread of its own. `said[address]` are answers for a device, each given once and the last
    one for ever; `accepted` counts by notification id, and `messages` has what came, in order."""

    def __init__(
        self, listener: socket.socket | None = None, *, keep: bool = True, delay: float = 0.0
    ) -> None:
        self.said: defaultdict[str, list[Said]] = defaultdict(list)
        self.accepted: Counter[str] = Counter()
        self.messages: list[dict[str, Any]] = []
        self.times: list[float] = []
        self.tokens_given = 0
        self.refuse_tokens = False
        self._keep, self._delay = keep, delay
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._listener = listener or socket.create_server(("127.0.0.1", 0))
        self._port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        if not self._ready.wait(10):
            raise RuntimeError("the fake does not start")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def environment(self, key: str) -> dict[str, str]:
        """What a process needs that shall send to it."""
        return {
            "FIREBASE_PROJECT_ID": PROJECT,
            "FIREBASE_CLIENT_EMAIL": EMAIL,
            "FIREBASE_PRIVATE_KEY": key,
            "FIREBASE_TOKEN_URL": f"{self.url}/token",
            "FCM_URL": self.url,
        }

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
            asyncio.start_server(self._serve, sock=self._listener, limit=1 << 20)
        )
        self._ready.set()
        self._loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                request, *lines = head.split("\r\n")
                headers = {
                    name.strip().lower(): value.strip()
                    for name, _, value in (line.partition(":") for line in lines if line)
                }
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                if "/token" in request:
                    answer = self._token()
                else:
                    found = await self._message(headers, body)
                    if found is None:
                        break
                    answer = found
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    def _token(self) -> bytes:
        if self.refuse_tokens:
            return _http(400, json.dumps({"error": "invalid_grant"}).encode())
        self.tokens_given += 1
        said = {"access_token": f"token-{self.tokens_given}", "expires_in": 3600, "token_type": "Bearer"}
        return _http(200, json.dumps(said).encode())

    async def _message(self, headers: dict[str, str], body: bytes) -> bytes | None:
        self.times.append(time.monotonic())
        message = json.loads(body)["message"]
        if self._keep:
            self.messages.append({"message": message, "authorization": headers.get("authorization", "")})
        address = message.get("token") or message.get("fid")
        script = self.said.get(address)
        said = (script.pop(0) if len(script) > 1 else script[0]) if script else None
        if self._delay:
            await asyncio.sleep(self._delay)
        if said is None or said.status == 200:
            number = self.accepted.total()
            self.accepted[message["data"]["notification_id"]] += 1
            name = f"projects/{PROJECT}/messages/{number}"
            return _http(200, json.dumps({"name": name}).encode())
        if said.status < 0:
            await asyncio.sleep(-said.status)
            return None
        if said.status == 0:
            return None
        if said.body is not None:
            return _http(said.status, said.body, said.retry_after)
        details = [{"@type": _FCM_ERROR, "errorCode": said.word}] if said.word else []
        error = {"code": said.status, "message": "no", "status": said.google_status, "details": details}
        return _http(said.status, json.dumps({"error": error}).encode(), said.retry_after)


def _http(status: int, body: bytes, retry_after: str = "") -> bytes:
    head = [f"HTTP/1.1 {status} said", "Content-Type: application/json", f"Content-Length: {len(body)}"]
    if retry_after:
        head.append(f"Retry-After: {retry_after}")
    return "\r\n".join([*head, "", ""]).encode() + body


def main() -> None:
    parser = argparse.ArgumentParser(description="A fake of Firebase Cloud Messaging.")
    parser.add_argument("--fd", type=int, required=True, help="a socket that listens")
    fake = FakeFcm(socket.socket(fileno=parser.parse_args().fd))
    print(f"fake FCM at {fake.url}", flush=True)
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
