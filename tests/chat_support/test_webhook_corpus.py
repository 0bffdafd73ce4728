"""Stream's endpoint under bad input: the right answer, nothing written, and flat memory."""

import http.client
import json
import re
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given
from hypothesis import settings as tried
from hypothesis import strategies as st

from bench.processes import children
from bench.services import Services
from bench.web import Web
from chat_support.models import StreamWebhook, TicketChange, TicketMessage
from core.models import OutboxMessage
from tests.accounts.factories import make_user
from tests.chat_support import webhook_corpus
from tests.chat_support.desk import DAY, HOUR, MONDAY, fresh, make_agent, opened
from tests.chat_support.stream import (
    KEY,
    PATH,
    SECRET,
    call,
    channel_deleted,
    headers_of,
    message_event,
    packed,
    read_event,
    seen,
    send,
)
from tests.chat_support.webhook_corpus import Bad
from tests.databases import environment_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def stream(settings):
    settings.STREAM_CHAT_API_KEY, settings.STREAM_CHAT_SECRET = KEY, SECRET


@pytest.mark.parametrize("bad", webhook_corpus.corpus(), ids=str)
def test_what_is_bad_is_refused_and_leaves_nothing(bad: Bad) -> None:
    headers = {name.lower().replace("-", "_"): value for name, value in bad.headers.items()}
    with CaptureQueriesContext(connection) as queries:
        answer = call(bad.body, plain=bad.signed, **headers)
    assert (answer.status_code, answer.json()["code"]) == (bad.status, bad.code), answer.content
    assert answer["Content-Type"] == "application/problem+json"
    assert len(queries) == 0


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (b"[]", {"body"}),
        (b"{}", {"type"}),
        (b'{"type": 1}', {"type"}),
        (b'{"type": "message.new", "text": "\\u0000"}', {"body"}),
    ],
)
def test_a_refusal_names_the_field(body: bytes, fields: set[str]) -> None:
    assert call(body).json()["errors"].keys() == fields


def test_a_refused_header_is_named_and_a_refused_signature_says_nothing() -> None:
    assert call(webhook_corpus.good(), x_webhook_id=None).json()["errors"].keys() == {"X-Webhook-Id"}
    wrong = {"x_signature": "0" * 64}, {"x_signature": None}, {"x_api_key": "another"}
    answers = [call(webhook_corpus.good(), **changed) for changed in wrong]
    assert len({answer.content for answer in answers}) == 1
    assert answers[0]["WWW-Authenticate"] == "Signature"


def test_a_body_at_the_limit_is_read_compressed_and_not() -> None:
    event = {"type": "made.up", "text": ""}
    event["text"] = "x" * (webhook_corpus.LIMIT - len(packed(event)))
    assert len(packed(event)) == webhook_corpus.LIMIT
    assert send(event).status_code == send(event, compressed=True).status_code == 200
    event["text"] += "x"
    assert send(event).status_code == send(event, compressed=True).status_code == 413


def test_of_a_name_that_comes_twice_the_last_counts() -> None:
    body = b'{"type": "message.new", "type": "made.up"}'
    assert call(body).status_code == 200
    assert not StreamWebhook.objects.exists()


# --- what is signed and can't be read -----------------------------------------------------------------------

_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.just(10**4000),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20),
    st.sampled_from(
        ["", " ", "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z", "9999-12-31T23:59:59-14:00",
         "0001-01-01T00:00:00+14:00", "2026-03-02", "now", "x" * 256, "2026-03-02T24:61:00Z"]
    ),
)  # fmt: skip
_ANYTHING = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text("abc"), inner, max_size=3)),
    max_leaves=5,
)
_NAME = "mh-thandi"


def _events(channel: str) -> list[dict[str, Any]]:
    about = {"at": MONDAY + HOUR, "message_id": "one"}
    return [
        *(
            message_event(channel, _NAME, kind=kind, **about)
            for kind in ("message.new", "message.updated", "message.deleted")
        ),
        read_event(channel, _NAME, at=MONDAY + HOUR),
        channel_deleted(channel, at=MONDAY + HOUR),
    ]


def _places(event: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, value in event.items():
        if path or name != "type":
            yield (*path, name)
        if isinstance(value, dict):
            yield from _places(value, (*path, name))


def _changed(event: dict[str, Any], place: tuple[str, ...], value: Any) -> dict[str, Any]:
    name, *rest = place
    inner = _changed(event[name], tuple(rest), value) if rest else value
    return event | {name: inner}


_EVERY_FIELD = [
    (number, place) for number, event in enumerate(_events("channel")) for place in _places(event)
]


@tried(
    max_examples=250,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
@given(where=st.sampled_from(_EVERY_FIELD), value=_ANYTHING)
def test_a_field_of_the_wrong_type_breaks_nothing(where: tuple[int, tuple[str, ...]], value: Any) -> None:
    """Whatever stands in a field, the webhook is answered with 200 and looked at without an error; the ticket
    changes only where what the field says makes sense."""
    number, place = where
    user = make_user(stream_chat_user_id=None)
    type(user).objects.filter(stream_chat_user_id=_NAME).update(stream_chat_user_id=None)
    type(user).objects.filter(pk=user.pk).update(stream_chat_user_id=_NAME)
    TicketMessage.objects.filter(message_id="one").update(message_id=F("pk"))
    ticket = opened(user)
    event = _changed(_events(ticket.channel_id)[number], place, value)
    assert send(event).status_code == 200
    OutboxMessage.objects.all().delete()
    assert seen(event, at=MONDAY + DAY)[0] != ""


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("created_at",), "never"),
        (("created_at",), 12),
        (("created_at",), None),
        (("message",), None),
        (("message",), []),
        (("message", "id"), 7),
        (("message", "id"), "x" * 256),
        (("message", "id"), ""),
        (("message", "text"), 5),
        (("message", "text"), ["a"]),
        (("message", "type"), 5),
        (("message", "created_at"), "2026-02-30T00:00:00Z"),
        (("message", "created_at"), "9999-12-31T23:59:59-14:00"),
        (("message", "created_at"), 10**400),
        (("message", "updated_at"), "yesterday"),
        (("message", "message_text_updated_at"), 1),
    ],
)
@pytest.mark.parametrize("kind", ["message.new", "message.updated", "message.deleted"])
def test_what_cannot_be_read_is_kept_and_says_why(kind: str, place: tuple[str, ...], value: Any) -> None:
    ticket = opened(make_user(stream_chat_user_id=_NAME))
    before = fresh(ticket).__dict__ | {"_state": None}
    event = _changed(message_event(ticket.channel_id, _NAME, at=MONDAY + HOUR, kind=kind), place, value)
    assert seen(event, at=MONDAY + DAY) == ["unreadable"]
    webhook = StreamWebhook.objects.get()
    assert (webhook.detail, webhook.payload["type"]) == (".".join(place), kind)
    assert fresh(ticket).__dict__ | {"_state": None} == before
    assert (ticket.messages.count(), TicketChange.objects.count()) == (1, 1)


@pytest.mark.parametrize("channel", [None, 5, "", "x" * 101, {}, ["a"]])
def test_a_channel_that_is_none_is_said_to_be_so(channel: Any) -> None:
    event = message_event("none", _NAME, at=MONDAY) | {"channel_id": channel, "cid": "messaging"}
    assert seen(event, at=MONDAY) == ["unreadable"]
    assert StreamWebhook.objects.get().detail == "channel_id"


# --- over real HTTP -----------------------------------------------------------------------------------------

MOST_MEGABYTES = 24
"""What the web process may take at its peak above what it takes at rest, while four bombs at a time come in:
four bodies of a megabyte, four times what they may inflate to, and as much again for those on their way."""
LEFT_MEGABYTES = 12
"""And what may stay of it."""
BOMBS = 400


@pytest.fixture
def web(transactional_db: None, tmp_path: Path) -> Iterator[Web]:
    """The project's web server, one process with four threads, on the tests' database."""
    services = Services(tmp_path)
    services.database_url = environment_of(connection.settings_dict["NAME"])["DATABASE_URL"]
    variables = {
        "STREAM_CHAT_API_KEY": KEY,
        "STREAM_CHAT_SECRET": SECRET,
        "WEB_CONCURRENCY": "1",
        "WEB_THREADS": "4",
        "DATA_DIR": str(tmp_path),
    }
    (tmp_path / "logs").mkdir()
    server = Web(services, name="web", variables=variables)
    try:
        server.start()
        yield server
    finally:
        server.stop()


def _sent(web: Web, body: bytes, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
    caller = http.client.HTTPConnection("127.0.0.1", web.port, timeout=30)
    try:
        named = {name: value.encode() for name, value in headers.items()}
        caller.request("POST", PATH, body, {"Content-Type": "application/json", **named})
        answer = caller.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        caller.close()


def _throw(web: Web, bad: Bad, headers: dict[str, str]) -> None:
    status, problem = _sent(web, bad.body, headers)
    assert (status, problem["code"]) == (bad.status, bad.code), (bad.name, problem)


def _memory(pid: int) -> dict[str, float]:
    """What a process takes now (VmRSS) and has taken at most (VmHWM), in MB."""
    lines = (Path("/proc") / str(pid) / "status").read_text()
    return {
        name: int(kilobytes) / 1024 for name, kilobytes in re.findall(r"(VmRSS|VmHWM):\s+(\d+) kB", lines)
    }


def _throw_all(web: Web, bads: list[tuple[Bad, dict[str, str]]]) -> None:
    with ThreadPoolExecutor(4) as throwers:
        for thrown in [throwers.submit(_throw, web, *bad) for bad in bads]:
            thrown.result()


def test_bombs_take_no_memory(web: Web) -> None:
    ready = [
        (
            bad,
            headers_of(
                bad.body if bad.signed is None else bad.signed,
                **{name.lower().replace("-", "_"): value for name, value in bad.headers.items()},
            ),
        )
        for bad in webhook_corpus.bombs()
    ]
    thrown = list(islice(cycle(ready), BOMBS))
    (worker,) = children(web.pid)
    _throw_all(web, thrown[:200])  # what is loaded at first use, and the threads' own
    rest = _memory(worker)["VmRSS"]
    (Path("/proc") / str(worker) / "clear_refs").write_text("5")  # forget the peak
    _throw_all(web, thrown)
    after = _memory(worker)
    print(
        f"{len(thrown)} bombs: {rest:.1f} MB before, {after['VmRSS']:.1f} after, {after['VmHWM']:.1f} at most"
    )
    assert after["VmHWM"] - rest < MOST_MEGABYTES
    assert after["VmRSS"] - rest < LEFT_MEGABYTES
    assert not StreamWebhook.objects.exists()
    assert not OutboxMessage.objects.exists()


def test_over_the_wire_webhooks_come_once_and_bodies_of_unknown_length_not_at_all(web: Web) -> None:
    agent = make_agent(on_duty=False, stream_chat_user_id="mh-nomsa")
    ticket = opened()
    OutboxMessage.objects.all().delete()
    plain = packed(message_event(ticket.channel_id, "mh-nomsa", at=MONDAY + HOUR))
    headers = headers_of(plain)
    for _ in range(2):
        assert _sent(web, plain, headers) == (200, {"received": True})
    assert StreamWebhook.objects.get().stream_user_id == agent.stream_chat_user_id
    assert OutboxMessage.objects.count() == 1

    caller = http.client.HTTPConnection("127.0.0.1", web.port, timeout=30)
    caller.request("POST", PATH, iter([plain]), headers_of(plain), encode_chunked=True)
    answer = caller.getresponse()
    assert (answer.status, json.loads(answer.read())["code"]) == (411, "length_required")
    caller.close()
    broken_off = http.client.HTTPConnection("127.0.0.1", web.port, timeout=30)
    broken_off.putrequest("POST", PATH)
    for name, value in {**headers_of(plain), "Content-Length": str(len(plain))}.items():
        broken_off.putheader(name, value)
    broken_off.endheaders(plain[:-10])
    broken_off.sock.shutdown(socket.SHUT_WR)
    answer = broken_off.getresponse()
    assert (answer.status, json.loads(answer.read())["code"]) == (401, "signature_refused")
    broken_off.close()
    assert StreamWebhook.objects.count() == 1
