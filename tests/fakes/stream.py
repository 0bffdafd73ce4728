"""Stream Chat on loopback: the calls of a server (users, channels, messages), and the webhooks that follow.

`make run` starts it by itself where no credentials are set: it writes a line for each channel and message.
"""

import argparse
import asyncio
import gzip
import hashlib
import hmac
import json
import os
import socket
import threading
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import jwt
from aiohttp import web

KEY, SECRET = "fake-key", "fake-secret-of-a-stream-app-for-tests"


def signed(body: bytes, secret: str) -> str:
    """Sign a webhook as Stream does: the uncompressed body."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def webhook(event: dict[str, Any], *, secret: str = SECRET, id: str = "", zipped: bool = False) -> Any:
    """Return the body and the headers of a webhook."""
    body = json.dumps(event).encode()
    headers = {
        "Content-Type": "application/json",
        "X-Signature": signed(body, secret),
        "X-Webhook-Id": id or str(uuid4()),
        "X-Webhook-Attempt": "1",
        **({"Content-Encoding": "gzip"} if zipped else {}),
    }
    return (gzip.compress(body) if zipped else body), headers


@dataclass(frozen=True)
class Said:
    """An answer that the fake gives instead of its own; a status of 0 closes the connection half-way, and one
    below 0 says nothing for so many seconds. With `works` it does what was asked, and then says this."""

    status: int
    code: int = -1
    message: str = "no"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    works: bool = False


class Refused(Exception):
    def __init__(self, status: int, code: int, message: str) -> None:
        self.said = Said(status, code, message)


class FakeStream:
    """A server in a thread of its own.

    `said[action]` (upsert_user, open_channel, send_message, delete_channels, delete_user) are answers, each
    given once and the last one for ever; `asked` has what came, in order, as (action, what). With `kept` it
    knows after its next start what it knew.
    """

    def __init__(
        self,
        listener: socket.socket | None = None,
        *,
        key: str = KEY,
        secret: str = SECRET,
        delay: float = 0.0,
        shown: Callable[[str], Any] | None = None,
        kept: Path | None = None,
    ) -> None:
        self.said: defaultdict[str, list[Said]] = defaultdict(list)
        self.asked: list[tuple[str, str]] = []
        self.users: dict[str, dict[str, Any]] = {}
        self.erased: set[str] = set()
        self.channels: dict[str, dict[str, Any]] = {}
        self.messages: dict[str, dict[str, Any]] = {}
        self.times: list[float] = []
        self.on_message: Callable[[dict[str, Any]], None] | None = None
        self._key, self._secret, self._delay, self._shown, self._kept = key, secret, delay, shown, kept
        if kept is not None and kept.exists():
            self.users, self.channels, self.messages, erased = json.loads(kept.read_text())
            self.erased = set(erased)
        self._listener = listener or socket.create_server(("127.0.0.1", 0))
        self._port = self._listener.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        if not self._ready.wait(10):
            raise RuntimeError("the fake does not start")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def environment(self) -> dict[str, str]:
        """What a process needs that shall call it."""
        return {
            "STREAM_CHAT_API_KEY": self._key,
            "STREAM_CHAT_SECRET": self._secret,
            "STREAM_CHAT_URL": self.url,
        }

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def texts(self, channel_id: str) -> list[tuple[str, str]]:
        """Return who said what in a channel, in order."""
        return [
            (self.users[one["user"]["id"]]["name"], one["text"])
            for one in self.messages.values()
            if one["channel_id"] == channel_id
        ]

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        app = web.Application(client_max_size=1 << 20)
        app.add_routes(
            [
                web.post("/users", self._answering("upsert_user", self._upsert_users)),
                web.post("/channels/delete", self._answering("delete_channels", self._delete_channels)),
                web.delete("/users/{user}", self._answering("delete_user", self._delete_user)),
                web.post("/channels/{type}/{id}/query", self._answering("open_channel", self._open)),
                web.post("/channels/{type}/{id}/message", self._answering("send_message", self._say)),
            ]
        )
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        self._loop.run_until_complete(runner.setup())
        self._loop.run_until_complete(web.SockSite(runner, self._listener).start())
        self._ready.set()
        self._loop.run_forever()
        self._loop.run_until_complete(runner.cleanup())
        self._loop.close()

    def _answering(
        self, action: str, work: Callable[[web.Request, Any], dict[str, Any]]
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def answer(request: web.Request) -> web.StreamResponse:
            self.times.append(self._loop.time())
            script = self.said[action]
            said = (script.pop(0) if len(script) > 1 else script[0]) if script else None
            found: dict[str, Any] = {}
            try:
                self._check(request)
                if said is None or said.works:
                    found = work(request, json.loads(await request.read() or b"{}"))
                    self._keep()
            except Refused as refused:
                said = refused.said
            await asyncio.sleep(self._delay)
            return await self._answer(request, said, found)

        return answer

    async def _answer(self, request: web.Request, said: Said | None, found: dict[str, Any]) -> web.Response:
        if said is None:
            return web.json_response({**found, "duration": "1ms"}, status=201)
        if said.status <= 0:
            await asyncio.sleep(-said.status)
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        if said.body is not None:
            kind = "text/html" if said.body.startswith(b"<") else "application/json"
            return web.Response(body=said.body, status=said.status, content_type=kind)
        error = {"code": said.code, "message": said.message, "StatusCode": said.status, "duration": "0ms"}
        return web.json_response(error, status=said.status, headers=dict(said.headers))

    def _check(self, request: web.Request) -> None:
        if request.query.get("api_key") != self._key:
            raise Refused(401, 2, "api_key not valid")
        try:
            claims = jwt.decode(request.headers["Authorization"], self._secret, algorithms=["HS256"])
        except jwt.PyJWTError:
            raise Refused(401, 43, "Token signature is invalid") from None
        if not claims.get("server") or request.headers.get("stream-auth-type") != "jwt":
            raise Refused(401, 5, "not a server")

    def _keep(self) -> None:
        if self._kept is not None:
            fresh = self._kept.with_suffix(".new")
            fresh.write_text(json.dumps([self.users, self.channels, self.messages, sorted(self.erased)]))
            fresh.replace(self._kept)

    # --- what it does --------------------------------------------------------------------------------------

    def _upsert_users(self, request: web.Request, body: Any) -> dict[str, Any]:
        for user_id, user in body["users"].items():
            self.asked.append(("upsert_user", user_id))
            if user_id in self.erased:
                raise Refused(400, 4, f'UpdateUsers failed with error: "user {user_id} was deleted"')
            self.users[user_id] = user
            self._show(f"user {user_id} is {user.get('name', 'nobody')}")
        return {"users": body["users"]}

    def _delete_user(self, request: web.Request, body: Any) -> dict[str, Any]:
        user_id = request.match_info["user"]
        self.asked.append(("delete_user", user_id))
        if user_id not in self.users:
            raise Refused(404, 16, f'DeleteUser failed with error: "User {user_id} not found"')
        self.erased.add(user_id)
        user = self.users.pop(user_id)
        if request.query.get("hard_delete") == request.query.get("mark_messages_deleted") == "true":
            self.messages = {key: one for key, one in self.messages.items() if one["user"]["id"] != user_id}
        self._show(f"user {user_id} is erased")
        return {"user": user}

    def _delete_channels(self, request: web.Request, body: Any) -> dict[str, Any]:
        gone = {cid.removeprefix("messaging:") for cid in body["cids"]}
        self.asked.append(("delete_channels", " ".join(sorted(gone))))
        if not body.get("hard_delete") or len(gone) > 100:
            raise Refused(400, 4, "DeleteChannels failed with error")
        self.channels = {key: one for key, one in self.channels.items() if key not in gone}
        self.messages = {key: one for key, one in self.messages.items() if one["channel_id"] not in gone}
        for channel_id in sorted(gone):
            self._show(f"channel {channel_id} is erased")
        return {"task_id": str(uuid4())}

    def _open(self, request: web.Request, body: Any) -> dict[str, Any]:
        channel_id, data = request.match_info["id"], body["data"]
        self.asked.append(("open_channel", channel_id))
        if channel_id not in self.channels:
            involved = {data["created_by"]["id"], *data.get("members", ())}
            if missing := sorted(involved - self.users.keys()):
                raise Refused(
                    400,
                    4,
                    'GetOrCreateChannel failed with error: "The following users are involved in channel '
                    f"create operation, but don't exist: {missing}. Please create the user objects before "
                    'setting up the channel."',
                )
            self.channels[channel_id] = {**data, "id": channel_id, "type": request.match_info["type"]}
            self._show(f"channel {channel_id}: {data.get('name', '')}")
        return {"channel": self.channels[channel_id], "members": [], "messages": []}

    def _say(self, request: web.Request, body: Any) -> dict[str, Any]:
        channel_id, message = request.match_info["id"], body["message"]
        self.asked.append(("send_message", message["id"]))
        if channel_id not in self.channels:
            cid = f"{request.match_info['type']}:{channel_id}"
            raise Refused(404, 16, f'SendMessage failed with error: "Can\'t find channel with id {cid}"')
        if message["user"]["id"] not in self.users:
            raise Refused(400, 4, 'SendMessage failed with error: "the user doesn\'t exist"')
        if message["id"] in self.messages:
            raise Refused(
                400, 4, f'SendMessage failed with error: "a message with ID {message["id"]} already exists"'
            )
        self.messages[message["id"]] = {**message, "channel_id": channel_id}
        user = self.users[message["user"]["id"]]
        self._show(f"message in {channel_id} by {user.get('name', 'nobody')}: {message['text']}")
        if self.on_message is not None:
            now = datetime.now(UTC).isoformat()
            said = {**message, "type": "regular", "user": user, "created_at": now, "updated_at": now}
            self.on_message(
                {
                    "type": "message.new",
                    "cid": f"{request.match_info['type']}:{channel_id}",
                    "channel_id": channel_id,
                    "channel_type": request.match_info["type"],
                    "user": user,
                    "message": said,
                    "created_at": now,
                }
            )
        return {"message": message}

    def _show(self, line: str) -> None:
        if self._shown is not None:
            self._shown(line)


class _Hook:
    """Posts webhooks to an address, one after the other, and shows what became of them."""

    def __init__(self, address: str, secret: str) -> None:
        self._address, self._secret = address, secret

    def __call__(self, event: dict[str, Any]) -> None:
        threading.Thread(target=self._post, args=[event], daemon=True).start()

    def _post(self, event: dict[str, Any]) -> None:
        body, headers = webhook(event, secret=self._secret)
        asked = urllib.request.Request(self._address, body, headers, method="POST")
        try:
            with urllib.request.urlopen(asked, timeout=10) as answer:
                became: object = answer.status
        except urllib.error.HTTPError as error:
            became = error.code
        except OSError as error:
            became = error
        print(f"webhook {event['type']}: {became}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description="A fake of Stream Chat, with the credentials of its environment."
    )
    parser.add_argument("--fd", type=int, required=True, help="a socket that listens")
    parser.add_argument("--webhooks", default="", help="where what was said is told of")
    parser.add_argument("--kept", type=Path, help="a file in which it keeps what it was told")
    options = parser.parse_args()
    key, secret = os.environ["STREAM_CHAT_API_KEY"], os.environ["STREAM_CHAT_SECRET"]

    def show(line: str) -> None:
        print(line, flush=True)

    listener = socket.socket(fileno=options.fd)
    fake = FakeStream(listener, key=key, secret=secret, shown=show, kept=options.kept)
    if options.webhooks:
        fake.on_message = _Hook(options.webhooks, secret)
    print(f"fake Stream at {fake.url}", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
