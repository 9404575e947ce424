"""The words: every ASGI 3 scope and message as a type.

Names and keys are those of the ASGI specification 3.0, HTTP and WebSocket
version 2.5 and lifespan 2.0; an optional key is ``NotRequired``.  There is no
code here: a message is written as a plain literal at the place that sends it,
and a type checker refuses a misspelt type or key on that very line.
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Literal, NotRequired, TypeAlias, TypedDict

Fields: TypeAlias = Iterable[tuple[bytes, bytes]]
FieldList: TypeAlias = list[tuple[bytes, bytes]]
Address: TypeAlias = tuple[str, int | None]


class ASGIVersions(TypedDict):
    version: Literal["3.0"]
    spec_version: NotRequired[str]


# Extensions of a scope -----------------------------------------------------


class TLSExtension(TypedDict):
    """What is known of a TLS connection (the ASGI TLS extension)."""

    server_cert: str | None
    client_cert_chain: list[str]
    client_cert_name: str | None
    client_cert_error: str | None
    tls_version: int | None
    cipher_suite: int | None


class DisconnectExtension(TypedDict):
    """Ours: ``watch(callback)`` has callback called once if the peer leaves.

    Without arguments, or for a WebSocket with its close code and reason.
    It is called at once when the peer has left already, and never after the
    application has returned.
    """

    watch: Callable[[Callable[..., object]], None]


class Empty(TypedDict):
    pass  # an extension that only says: offered


Extensions = TypedDict(
    "Extensions",
    {
        "tls": NotRequired[TLSExtension],
        "http.response.trailers": NotRequired[Empty],
        "http.response.early_hint": NotRequired[Empty],
        "http.response.push": NotRequired[Empty],
        "http.response.pathsend": NotRequired[Empty],
        "http.response.zerocopysend": NotRequired[Empty],
        "http.response.debug": NotRequired[Empty],
        "websocket.http.response": NotRequired[Empty],
        "microquart.disconnect": NotRequired[DisconnectExtension],
    },
)


# Scopes --------------------------------------------------------------------


class HTTPScope(TypedDict):
    """One request.  ``path`` includes ``root_path`` and is decoded text."""

    type: Literal["http"]
    asgi: ASGIVersions
    http_version: str
    method: str
    scheme: NotRequired[str]
    path: str
    raw_path: NotRequired[bytes | None]
    query_string: bytes
    root_path: NotRequired[str]
    headers: Fields
    client: NotRequired[Address | None]
    server: NotRequired[Address | None]
    state: NotRequired[dict[str, Any]]
    extensions: NotRequired[Extensions | None]


class WebSocketScope(TypedDict):
    """One WebSocket, from its handshake on."""

    type: Literal["websocket"]
    asgi: ASGIVersions
    http_version: NotRequired[str]
    scheme: NotRequired[str]
    path: str
    raw_path: NotRequired[bytes | None]
    query_string: NotRequired[bytes]
    root_path: NotRequired[str]
    headers: Fields
    client: NotRequired[Address | None]
    server: NotRequired[Address | None]
    subprotocols: NotRequired[Iterable[str]]
    state: NotRequired[dict[str, Any]]
    extensions: NotRequired[Extensions | None]


class LifespanScope(TypedDict):
    """The application's life, from startup to shutdown."""

    type: Literal["lifespan"]
    asgi: ASGIVersions
    state: NotRequired[dict[str, Any]]


StreamScope: TypeAlias = HTTPScope | WebSocketScope
Scope: TypeAlias = HTTPScope | WebSocketScope | LifespanScope


# HTTP messages -------------------------------------------------------------


class HTTPRequest(TypedDict):
    type: Literal["http.request"]
    body: NotRequired[bytes]
    more_body: NotRequired[bool]


class HTTPDisconnect(TypedDict):
    type: Literal["http.disconnect"]


class HTTPResponseStart(TypedDict):
    type: Literal["http.response.start"]
    status: int
    headers: NotRequired[Fields]
    trailers: NotRequired[bool]


class HTTPResponseBody(TypedDict):
    type: Literal["http.response.body"]
    body: NotRequired[bytes]
    more_body: NotRequired[bool]


class HTTPResponseTrailers(TypedDict):
    type: Literal["http.response.trailers"]
    headers: NotRequired[Fields]
    more_trailers: NotRequired[bool]


class HTTPResponseEarlyHint(TypedDict):
    type: Literal["http.response.early_hint"]
    links: NotRequired[Iterable[bytes]]


class HTTPResponsePush(TypedDict):
    type: Literal["http.response.push"]
    path: str
    headers: NotRequired[Fields]


class HTTPResponsePathsend(TypedDict):
    type: Literal["http.response.pathsend"]
    path: str


class HTTPResponseZeroCopySend(TypedDict):
    type: Literal["http.response.zerocopysend"]
    file: int
    offset: NotRequired[int]
    count: NotRequired[int]
    more_body: NotRequired[bool]


class HTTPResponseDebug(TypedDict):
    type: Literal["http.response.debug"]
    info: dict[str, Any]


# WebSocket messages --------------------------------------------------------


class WebSocketConnect(TypedDict):
    type: Literal["websocket.connect"]


class WebSocketReceive(TypedDict):
    type: Literal["websocket.receive"]
    bytes: NotRequired[bytes | None]
    text: NotRequired[str | None]


class WebSocketDisconnect(TypedDict):
    type: Literal["websocket.disconnect"]
    code: NotRequired[int]
    reason: NotRequired[str | None]


class WebSocketAccept(TypedDict):
    type: Literal["websocket.accept"]
    subprotocol: NotRequired[str | None]
    headers: NotRequired[Fields]


class WebSocketSend(TypedDict):
    type: Literal["websocket.send"]
    bytes: NotRequired[bytes | None]
    text: NotRequired[str | None]


class WebSocketClose(TypedDict):
    type: Literal["websocket.close"]
    code: NotRequired[int]
    reason: NotRequired[str | None]


class WebSocketResponseStart(TypedDict):
    type: Literal["websocket.http.response.start"]
    status: int
    headers: NotRequired[Fields]


class WebSocketResponseBody(TypedDict):
    type: Literal["websocket.http.response.body"]
    body: NotRequired[bytes]
    more_body: NotRequired[bool]


# Lifespan messages ---------------------------------------------------------


class LifespanStartup(TypedDict):
    type: Literal["lifespan.startup"]


class LifespanShutdown(TypedDict):
    type: Literal["lifespan.shutdown"]


class LifespanStartupComplete(TypedDict):
    type: Literal["lifespan.startup.complete"]


class LifespanStartupFailed(TypedDict):
    type: Literal["lifespan.startup.failed"]
    message: NotRequired[str]


class LifespanShutdownComplete(TypedDict):
    type: Literal["lifespan.shutdown.complete"]


class LifespanShutdownFailed(TypedDict):
    type: Literal["lifespan.shutdown.failed"]
    message: NotRequired[str]


# What an application receives and sends ------------------------------------

ReceiveMessage: TypeAlias = (
    HTTPRequest
    | HTTPDisconnect
    | WebSocketConnect
    | WebSocketReceive
    | WebSocketDisconnect
    | LifespanStartup
    | LifespanShutdown
)

SendMessage: TypeAlias = (
    HTTPResponseStart
    | HTTPResponseBody
    | HTTPResponseTrailers
    | HTTPResponseEarlyHint
    | HTTPResponsePush
    | HTTPResponsePathsend
    | HTTPResponseZeroCopySend
    | HTTPResponseDebug
    | WebSocketAccept
    | WebSocketSend
    | WebSocketClose
    | WebSocketResponseStart
    | WebSocketResponseBody
    | LifespanStartupComplete
    | LifespanStartupFailed
    | LifespanShutdownComplete
    | LifespanShutdownFailed
)

Receive: TypeAlias = Callable[[], Awaitable[ReceiveMessage]]
Send: TypeAlias = Callable[[SendMessage], Awaitable[None]]
ASGIApplication: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
