"""What is behind the proxy: where it is, what it is told, how it fails."""

import ssl
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

import anyio
from anyio.abc import ByteStream

from microquart.asgi import FieldList, HTTPScope, WebSocketScope

CONNECT = 5.0  # seconds

# What concerns one connection only (RFC 9110, section 7.6.1).
HOP_BY_HOP = frozenset(
    [
        *(b"connection", b"keep-alive", b"proxy-connection", b"te"),
        *(b"transfer-encoding", b"upgrade", b"proxy-authenticate"),
        *(b"proxy-authorization", b"trailer"),
    ]
)
# What only a proxy may say: from a client it would be a lie.
FORWARDED = frozenset(
    [
        *(b"forwarded", b"x-forwarded-for", b"x-forwarded-proto"),
        *(b"x-forwarded-host", b"x-forwarded-port", b"x-forwarded-prefix"),
    ]
)


class BadUpstream(Exception):
    """There is no answer; ``status`` is what the client is told."""

    def __init__(self, status: int, text: bytes) -> None:
        super().__init__(status)
        self.status = status
        self.text = text + b"\n"


@dataclass(frozen=True)
class Upstream:
    host: str
    port: int
    secure: bool

    @classmethod
    def parse(cls, url: str) -> Self:
        parts = urlsplit(url)
        secure = parts.scheme == "https"
        assert parts.hostname is not None, f"UPSTREAM={url} has no host"
        return cls(
            parts.hostname, parts.port or (443 if secure else 80), secure
        )

    async def connect(self) -> ByteStream:
        """Open a connection.

        Raises:
            BadUpstream: it takes none.
        """
        try:
            with anyio.fail_after(CONNECT):
                if not self.secure:
                    return await anyio.connect_tcp(self.host, self.port)
                context = ssl.create_default_context()
                return await anyio.connect_tcp(
                    self.host, self.port, ssl_context=context
                )
        except TimeoutError:
            raise BadUpstream(504, b"Gateway Timeout") from None
        except OSError as error:
            raise BadUpstream(502, b"Bad Gateway") from error


def passed_on(fields: FieldList) -> FieldList:
    """Return the fields of a message without those of its connection."""
    own = set(HOP_BY_HOP)
    for name, value in fields:
        if name.lower() == b"connection":
            own.update(each.strip().lower() for each in value.split(b","))
    return [(name, value) for name, value in fields if name.lower() not in own]


def asked(scope: HTTPScope | WebSocketScope) -> FieldList:
    """Return the fields of a request, and who it comes from."""
    fields = [
        (name, value)
        for name, value in passed_on(list(scope["headers"]))
        if name not in FORWARDED and name != b"expect"
    ]
    client = scope.get("client")
    scheme = scope.get("scheme", "http").replace("ws", "http")
    host = dict(fields).get(b"host", b"")
    return [
        *fields,
        (b"x-forwarded-for", (client[0] if client else "unknown").encode()),
        (b"x-forwarded-proto", scheme.encode()),
        (b"x-forwarded-host", host),
    ]


def target(scope: HTTPScope | WebSocketScope) -> bytes:
    path = scope.get("raw_path") or scope["path"].encode()
    query = scope.get("query_string", b"")
    return path + (b"?" + query if query else b"")
