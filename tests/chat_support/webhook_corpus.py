"""Bad webhooks, and what each is answered with.

They are made once: a bomb takes a second to make and none to send.
"""

import gzip
import hashlib
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from tests.chat_support.desk import MONDAY
from tests.chat_support.stream import message_event, packed, signature

MEGABYTE = 1024 * 1024
BOMB_BYTES = 50 * MEGABYTE
LIMIT = MEGABYTE


@dataclass(frozen=True)
class Bad:
    """A call: its body, what was signed (the body itself, if nothing is said), headers in the place of the
    right ones (None leaves one out), and the status and code that it gets."""

    name: str
    body: bytes
    status: int
    code: str
    signed: bytes | None = None
    headers: dict[str, str | None] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name


@cache
def corpus() -> tuple[Bad, ...]:
    return (*_signatures(), *_bombs(), *_broken(), *_not_json(), *_headers())


@cache
def bombs() -> tuple[Bad, ...]:
    """What would take much memory of whoever inflated or parsed it."""
    return tuple(_bombs())


def good() -> bytes:
    return packed(message_event("ticket-none", "mh-thandi", "Where is it?", at=MONDAY))


def _signatures() -> Iterator[Bad]:
    body = good()
    compressed = gzip.compress(body)
    refused = (401, "signature_refused")
    for name, value in {
        "no signature": None,
        "an empty signature": "",
        "another's signature": signature(body, "another"),
        "a signature of one byte less": signature(body[:-1]),
        "a signature cut short": signature(body)[:-1],
        "a signature and more": signature(body) + "0",
        "a signature in capitals": signature(body).upper(),
        "a signature in base64": "4gWZ9Vq3kq0bUqCkXoJm0pV6z3mYt3C1F1j6Qm3k1aU=",
        "a signature that is no ASCII": "é" * 64,
        "a long signature": "0" * 4000,
        "an unkeyed hash": hashlib.sha256(body).hexdigest(),
    }.items():
        yield Bad(name, body, *refused, headers={"X-Signature": value})
    yield Bad(
        "the signature of the compressed body", compressed, *refused, headers={"Content-Encoding": "gzip"}
    )
    yield Bad("another app's key", body, *refused, headers={"X-Api-Key": "another"})
    yield Bad("an empty key", body, *refused, headers={"X-Api-Key": ""})
    yield Bad("an empty body, signed for another", b"", *refused, signed=body)


def _bombs() -> Iterator[Bad]:
    zeros = b"0" * BOMB_BYTES
    bomb = gzip.compress(zeros, 9)
    assert len(bomb) < 52_000, len(bomb)
    gzipped: dict[str, str | None] = {"Content-Encoding": "gzip"}
    large = (413, "body_too_large")
    yield Bad("a bomb that is signed", bomb, *large, signed=zeros, headers=gzipped)
    yield Bad("a bomb that nobody signed", bomb, *large, signed=b"", headers=gzipped)
    yield Bad("a bomb without the header", bomb, *large, signed=zeros)
    in_json = b'{"type": "message.new", "text": "' + b" " * BOMB_BYTES + b'"}'
    yield Bad("a bomb of JSON", gzip.compress(in_json), *large, signed=in_json, headers=gzipped)
    members = gzip.compress(b"0" * (2 * MEGABYTE), 9) * 25
    yield Bad("a bomb of many members", members, *large, signed=zeros, headers=gzipped)
    small = gzip.compress(b"0" * 512 * 1024, 9)
    yield Bad("a bomb of small members", small * 100, 400, "malformed", signed=zeros, headers=gzipped)
    yield Bad("a bomb in a bomb", gzip.compress(bomb), 400, "malformed", signed=bomb, headers=gzipped)
    yield Bad("a bomb in a bomb, signed within", gzip.compress(bomb), 401, "signature_refused", signed=zeros)
    yield Bad(
        "one byte above the limit", gzip.compress(b" " * (LIMIT + 1)), *large, signed=b" " * (LIMIT + 1)
    )
    deep = b'{"a":' * 100_000
    yield Bad("brackets without end", deep, 400, "malformed")
    yield Bad("brackets within brackets", b"[" * 400_000 + b"]" * 400_000, 400, "malformed")
    yield Bad("five megabytes", b" " * (5 * MEGABYTE), *large)
    yield Bad(
        "five megabytes that are gzip", bomb + b" " * (5 * MEGABYTE), *large, signed=zeros, headers=gzipped
    )


def _broken() -> Iterator[Bad]:
    plain = good()
    whole = gzip.compress(plain)
    broken = (400, "malformed")
    middle = bytearray(whole)
    middle[len(whole) // 2] ^= 0xFF
    wrong_sum = bytearray(whole)
    wrong_sum[-6] ^= 1
    wrong_length = bytearray(whole)
    wrong_length[-1] ^= 1
    for name, body in {
        "a broken deflate stream": bytes(middle),
        "a wrong checksum": bytes(wrong_sum),
        "a wrong length": bytes(wrong_length),
        "a truncated stream": whole[: len(whole) // 2],
        "all but the last byte": whole[:-1],
        "a header alone": whole[:10],
        "two bytes of magic": whole[:2],
        "garbage at its end": whole + b"garbage",
        "a null at its end": whole + b"\0",
        "a second member": whole + whole,
        "a reserved method": b"\x1f\x8b\x07" + whole[3:],
        "reserved flags": b"\x1f\x8b\x08\xff" + whole[4:],
    }.items():
        yield Bad(name, body, *broken, signed=plain, headers={"Content-Encoding": "gzip"})
    unknown = (415, "encoding_unknown")
    for encoding in ("br", "deflate", "zstd", "gzip, gzip", "x-gzip", "gzip;q=1", "é"):
        body = zlib.compress(plain)
        yield Bad(
            f"encoded as {encoding}", body, *unknown, signed=plain, headers={"Content-Encoding": encoding}
        )


def _not_json() -> Iterator[Bad]:
    for name, body in {
        "nothing": b"",
        "no JSON": b"type=message.new",
        "half of it": good()[:-20],
        "two of it": good() + good(),
        "no UTF-8": b'{"type": "message.new", "text": "\xff"}',
        "UTF-16": json.dumps({"type": "message.new"}).encode("utf-16"),
        "a mark of byte order": b"\xef\xbb\xbf" + good(),
        "not a number": b'{"type": "message.new", "at": NaN}',
        "an infinity": b'{"type": "message.new", "at": -Infinity}',
        "a number out of range": b'{"type": "message.new", "at": 1e999}',
        "a number of 5,000 digits": b'{"type": "message.new", "at": ' + b"9" * 5000 + b"}",
        "a comma too many": b'{"type": "message.new",}',
    }.items():
        yield Bad(name, body, 400, "malformed")
    nested: Any = "x"
    for _ in range(40):
        nested = [nested]
    for name, value in {
        "an array": [],
        "a string": "message.new",
        "a number": 1,
        "null": None,
        "no type": {},
        "a type of null": {"type": None},
        "a type that is a number": {"type": 1},
        "a type that is true": {"type": True},
        "a type that is an object": {"type": {"type": "message.new"}},
        "an empty type": {"type": ""},
        "a long type": {"type": "x" * 101},
        "forty levels": {"type": "message.new", "a": nested},
    }.items():
        yield Bad(name, packed(value), 400, "invalid")
    yield Bad("a null character", b'{"type": "message.new", "text": "a\\u0000b"}', 400, "invalid")
    yield Bad("a null character in a name", b'{"type": "message.new", "a\\u0000": 1}', 400, "invalid")
    yield Bad("half a character", b'{"type": "message.new", "text": "\\ud83d"}', 400, "invalid")


def _headers() -> Iterator[Bad]:
    for name, value in {
        "no id": None,
        "an empty id": "",
        "a long id": "x" * 101,
        "an id with a space": "a b",
        "an id that is no ASCII": "é",
    }.items():
        yield Bad(name, good(), 400, "invalid", headers={"X-Webhook-Id": value})
