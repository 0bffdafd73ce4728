"""The bodies of Stream's webhooks: inflated with a limit, and verified.

Stream signs the JSON before it compresses it, so a body must be inflated before anybody knows whose it is;
how far is limited here. Its own SDK tells a compressed body by its first bytes, because proxies inflate
bodies and may leave the header: so does this.
"""

import hashlib
import hmac
import re
import zlib

from core.errors import DomainError

_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_WINDOW = 16 + zlib.MAX_WBITS
_ENCODINGS = ("", "identity", "gzip")
_DIGEST = re.compile(r"[0-9a-f]{64}")


class EncodingUnknown(DomainError):
    """Stream compresses by gzip or not at all."""

    code, status, title = "encoding_unknown", 415, "Unknown Content-Encoding"
    headers = {"Accept-Encoding": "gzip"}


class InflatedTooLarge(DomainError):
    """What is compressed in the body is larger than any webhook."""

    code, status, title = "body_too_large", 413, "Body too large"


class BodyBroken(DomainError):
    """The body is no gzip stream, or breaks off, or something comes after it."""

    code, status, title = "malformed", 400, "Unreadable body"


def plain_body(body: bytes, *, encoding: str, limit: int) -> bytes:
    """Return a body as it was before it was compressed, and never hold more than `limit` bytes of it.

    Raises:
        EncodingUnknown: `encoding`, the header's value, is neither gzip nor nothing.
        InflatedTooLarge: there are more bytes.
        BodyBroken: it is not exactly one gzip stream.
    """
    if encoding.strip().lower() not in _ENCODINGS:
        raise EncodingUnknown("Send the body as it is, or compressed by gzip.")
    if not body.startswith(_GZIP_MAGIC):
        return body
    stream = zlib.decompressobj(_GZIP_WINDOW)
    try:
        plain = stream.decompress(body, limit + 1)
    except zlib.error:
        raise BodyBroken("The body is not a gzip stream.") from None
    if len(plain) > limit:
        raise InflatedTooLarge(f"The body may inflate to {limit} bytes.", limit=limit)
    if not stream.eof:
        raise BodyBroken("The gzip stream breaks off.")
    if stream.unused_data:
        raise BodyBroken("Something comes after the gzip stream.")
    return plain


def is_digest(signature: str) -> bool:
    """Say whether it could be a signature at all."""
    return _DIGEST.fullmatch(signature) is not None


def is_signed(plain: bytes, *, signature: str, secret: str) -> bool:
    """Say whether whoever knows the secret has signed these bytes: HMAC-SHA256, in hexadecimal."""
    expected = hmac.new(secret.encode(), plain, hashlib.sha256).hexdigest()
    return is_digest(signature) and hmac.compare_digest(expected, signature)
