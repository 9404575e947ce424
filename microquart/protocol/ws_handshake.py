"""The opening handshake of a WebSocket, on either carrier.

It is a request like any other, and the connection has read it already.  What
is a WebSocket's own in it is looked at here: RFC 6455 section 4.2 for
HTTP/1.1, RFC 8441 section 5 for HTTP/2.
"""

import base64
import binascii
import hashlib
from dataclasses import dataclass

from microquart.asgi import FieldList
from microquart.http.errors import ProtocolError

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 1.3


@dataclass(frozen=True, slots=True)
class Handshake:
    """What a client asks for, beside what every request has."""

    key: bytes | None  # HTTP/1.1 only
    subprotocols: list[str]
    extensions: str  # the offers, joined with commas


def read_handshake(fields: FieldList, keyed: bool) -> Handshake:
    """Return what the fields of an opening handshake say.

    ``keyed``: over HTTP/1.1 the client proves with a key that it means it.

    Raises:
        ProtocolError: it is none; ``status`` is 400, or 426 for a version.
    """
    own: dict[bytes, list[bytes]] = {}
    for name, value in fields:
        if name.startswith(b"sec-websocket-"):
            own.setdefault(name[14:], []).append(value)
    if own.get(b"version") != [b"13"]:
        raise ProtocolError(
            "the version of WebSocket has to be 13", 426 if keyed else 400, 0
        )
    keys = own.get(b"key", [])
    if keyed and not (len(keys) == 1 and _is_key(keys[0])):
        raise ProtocolError("Sec-WebSocket-Key is no key of 16 bytes", code=0)
    protocols = b",".join(own.get(b"protocol", [])).decode("latin-1")
    offers = b",".join(own.get(b"extensions", [])).decode("latin-1")
    return Handshake(
        keys[0] if keyed else None,
        [item for part in protocols.split(",") if (item := part.strip())],
        offers,
    )


def accept_key(key: bytes) -> bytes:
    """Return what proves that the key was read (RFC 6455, section 4.2.2).

    >>> accept_key(b"dGhlIHNhbXBsZSBub25jZQ==")
    b's3pPLMBiTxaQ9kYGzzhZRbK+xOo='
    """
    return base64.b64encode(hashlib.sha1(key + _GUID).digest())


def _is_key(key: bytes) -> bool:
    try:
        return len(base64.b64decode(key, validate=True)) == 16
    except binascii.Error:
        return False
