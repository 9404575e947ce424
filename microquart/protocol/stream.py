"""One application call on a connection: its scope and its ASGI messages.

A stream stands between an application that speaks ASGI and a connection that
speaks bytes, and waits for neither.  What the peer sends gathers in an inbox
and is taken from there, one message at a time, when the application asks:
``take()`` repays, so a peer can never be further ahead than its window or the
64 KiB that an HTTP/1.1 socket may hold.  What the application sends is
checked against a table and handed to the connection at once.

The order of messages is that of the ASGI specification; a message that is not
in the table is an error of the application's, and nothing of it is sent.
"""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, NoReturn, Protocol, TypeAlias
from urllib.parse import unquote

from microquart.asgi import (
    Address,
    Extensions,
    FieldList,
    Fields,
    HTTPResponseBody,
    HTTPResponseStart,
    HTTPScope,
    ReceiveMessage,
    SendMessage,
    StreamScope,
    TLSExtension,
    WebSocketScope,
)
from microquart.http.errors import ClientDisconnected, UnexpectedMessage
from microquart.protocol.limits import Limits

# RFC 9110 5.1 and 5.5: what an application may put into a field line.
_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+").fullmatch
_VALUE = re.compile(rb"[^\x00-\x08\x0a-\x1f\x7f]*").fullmatch

# RFC 9110 7.6.1: these speak of one connection, so they are the server's own.
_HOP_BY_HOP = frozenset(
    [b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding"]
)
READ_BY_US = _HOP_BY_HOP | {b"content-length", b"date", b"server"}


@dataclass(frozen=True, slots=True)
class Peer:
    """What is known of the other side before its first byte."""

    client: Address | None = None
    server: Address | None = None
    secure: bool = False
    tls: TLSExtension | None = None


Proxied: TypeAlias = tuple[Peer, FieldList, str]


@dataclass(slots=True)
class Service:
    """What all the connections of one server share."""

    limits: Limits = field(default_factory=Limits)
    root_path: str = ""
    state: dict[str, Any] | None = (
        None  # the lifespan's, copied for each scope
    )
    # Field lines that each response gets unless the application sets them.
    # The core has no clock: a shell renews the date here once a second.
    fields: FieldList = field(default_factory=list)
    read_by_us: frozenset[bytes] = READ_BY_US  # the names of those too
    # Says who asks, by which fields and below which path, when it was a proxy
    # that connected.
    proxied: Callable[[Peer, FieldList], Proxied] | None = None
    prior_knowledge: bool = True  # HTTP/2 on a port in clear
    websockets: bool = True
    # What was refused, by a limit or a rule, and how often: a shell tells it
    # from time to time, so that an attack does not fill the log.
    refused: Counter[str] = field(default_factory=Counter[str])

    def refuse(self, what: str) -> None:
        """Take note of something that is refused."""
        self.refused[what] += 1


@dataclass(slots=True)
class Head:
    """What a request asks for; a protocol's own knows more."""

    method: str = "GET"
    version: str = "1.1"
    path: bytes = b"/"  # as it came, without root_path
    query: bytes = b""
    fields: FieldList = field(default_factory=list)


class Transport(Protocol):
    """What a stream asks of the connection that carries it."""

    service: Service
    now: float

    def respond(
        self,
        stream: "Stream",
        status: int,
        fields: FieldList,
        data: bytes,
        more: bool,
    ) -> None:
        """Send the final response: its head, and its content or, if there is
        more, the first of it."""

    def inform(self, stream: "Stream", status: int, fields: FieldList) -> None:
        """Send an interim response (1xx)."""

    def write(self, stream: "Stream", data: bytes, more: bool) -> None:
        """Send content; more: it is not the last."""

    def trail(self, stream: "HTTPStream", fields: FieldList) -> None:
        """Send the trailer section, which ends the response."""

    def wanted(self, stream: "HTTPStream") -> None:
        """The application waits for content which is not here."""

    def taken(self, stream: "Stream", size: int) -> None:
        """The application has taken so many bytes: let as many more come."""

    def wake(self, stream: "Stream") -> None:
        """The stream has news for who waits on it."""

    def abort(self, stream: "Stream") -> None:
        """The response cannot be ended properly, and must not look whole."""

    def release(self, stream: "Stream") -> None:
        """The application has returned."""


@dataclass(slots=True, eq=False, repr=False)
class Stream:
    """What HTTP requests and WebSockets have in common, as a shell sees it."""

    ORDER: ClassVar[dict[tuple[str, str], str]]

    connection: Transport
    number: int = field(default=0, kw_only=True)
    """HTTP/2's stream identifier, else 0."""
    scope: StreamScope = field(init=False)
    state: str = field(default="waiting", init=False)
    status: int = field(default=0, init=False)
    """Of the response, once it is known."""
    sent: int = field(default=0, init=False)
    """Bytes of content."""
    unread: int = field(default=0, init=False)
    """Bytes that the application has not taken."""
    blocked: bool = field(default=False, init=False)
    """The peer cannot take more yet."""
    gone: bool = field(default=False, init=False)
    """The peer left before the end."""
    close: bool = field(default=False, init=False)
    """The application wants the connection closed."""
    _gone_callbacks: list[Callable[..., object]] = field(
        default_factory=list, init=False
    )

    # -- as a shell sees it --

    def take(self) -> ReceiveMessage | None:
        """Return the next message for the application; None: not yet."""
        raise NotImplementedError

    def send(self, message: SendMessage) -> int | None:
        """Take a message from the application and send what it says.

        Return the bytes of content; None: it leaves with the next one.

        Raises:
            UnexpectedMessage: it is out of order or malformed.
            ClientDisconnected: there is nobody to send it to.
        """
        raise NotImplementedError

    def misses(self, message: SendMessage) -> bool:
        """Whether an application is told that its peer left meanwhile."""
        return True

    def end(self, failed: bool) -> None:
        """Complete what the application, which has returned, left open."""
        raise NotImplementedError

    @property
    def agreed(self) -> bool:
        """Whether both sides have said that this is the end."""
        return False

    @property
    def farewell(self) -> tuple[object, ...]:
        """What the peer said when it left: a WebSocket's code and reason."""
        return ()

    # -- as the application sees it, through its scope --

    def watch(self, callback: Callable[..., object]) -> None:
        """Have callback called once if the peer leaves before the end."""
        if self.gone:
            callback(*self.farewell)
        elif self.state != "done":
            self._gone_callbacks.append(callback)

    # -- as the connection sees it --

    @property
    def chunked(self) -> bool:
        """Whether HTTP/1.1 has to mark where the content ends."""
        raise NotImplementedError

    def receive(self, data: bytes) -> None:
        """Content has arrived."""
        raise NotImplementedError

    def complete(self) -> None:
        """All content has arrived."""
        raise NotImplementedError

    def drop(self) -> int:
        """Forget what nobody will take; return its size in bytes."""
        raise NotImplementedError

    def expire(self, now: float) -> None:
        """Time has passed: for streams with a clock of their own."""

    def shutdown(self) -> None:
        """The server ends: for streams that have no end by themselves."""

    def leave(self) -> None:
        """The peer has gone, or has given this stream up."""
        if self.gone or self.state == "done":
            return
        self.gone = True
        self.blocked = False
        callbacks, self._gone_callbacks = self._gone_callbacks, []
        for callback in callbacks:
            callback(*self.farewell)

    # -- inside --

    def _advance(self, kind: str, more: bool = False) -> None:
        kind += "+" if more else ""
        try:
            self.state = self.ORDER[self.state, kind]
        except KeyError:
            raise UnexpectedMessage(
                f"{kind!r} in state {self.state!r}: expected "
                + (self._expected() or "nothing more")
            ) from None

    def _expected(self) -> str:
        return " or ".join(
            repr(kind) for state, kind in self.ORDER if state == self.state
        )


@dataclass(slots=True, eq=False, repr=False)
class HTTPStream(Stream):
    """A request and its response."""

    # "+" marks a message that promises another one of its kind, or, at the
    # start, that trailers will follow the content.
    ORDER: ClassVar[dict[tuple[str, str], str]] = {
        ("waiting", "http.response.early_hint"): "waiting",
        ("waiting", "http.response.start"): "started",
        ("waiting", "http.response.start+"): "started+",
        ("started", "http.response.body+"): "started",
        ("started", "http.response.body"): "done",
        ("started+", "http.response.body+"): "started+",
        ("started+", "http.response.body"): "trailing",
        ("trailing", "http.response.trailers+"): "trailing",
        ("trailing", "http.response.trailers"): "done",
    }

    method: str
    whole: bool = field(default=False, init=False)
    """All content of the request is here, and the end not yet told."""
    _inbox: list[bytes] = field(default_factory=list, init=False)
    # The head waits for the first content, so that both leave together and an
    # application that fails in between is answered with a 500.
    _fields: FieldList | None = field(default=None, init=False)
    _remaining: int | None = field(default=None, init=False)
    """Bytes of the announced length."""

    # -- as a shell sees it --

    def take(self) -> ReceiveMessage | None:
        if self.gone or self.state == "done":
            return {"type": "http.disconnect"}
        if self._inbox:
            inbox = self._inbox
            data = inbox[0] if len(inbox) == 1 else b"".join(inbox)
            inbox.clear()
            self.unread = 0
            more = not self.whole
            self.connection.taken(self, len(data))
            if not more:
                self.whole = False
            return {"type": "http.request", "body": data, "more_body": more}
        if self.whole:
            # Said once; what remains to be heard is the peer's departure.
            self.whole = False
            return {"type": "http.request", "body": b"", "more_body": False}
        self.connection.wanted(self)
        return None

    def send(self, message: SendMessage) -> int | None:
        if self.gone:
            raise ClientDisconnected
        match message["type"]:
            case "http.response.start":
                self._start(message)
                return None
            case "http.response.body":
                return self._body(message)
            case "http.response.early_hint":
                self._advance("http.response.early_hint")
                links = [(b"link", link) for link in message.get("links", ())]
                self.connection.inform(self, 103, checked_fields(links))
            case "http.response.trailers":
                fields = checked_fields(message.get("headers", ()))
                more = message.get("more_trailers", False)
                self._advance("http.response.trailers", more)
                if not more:
                    self.connection.trail(self, fields)
            case kind:
                self._advance(str(kind))
        return 0

    def end(self, failed: bool) -> None:
        if self.state != "done" and not self.gone:
            if self.state == "waiting" or self._fields is not None:
                self._answer_500()
            else:
                self.state = "done"
                self.connection.abort(self)
        self.connection.release(self)

    # -- as the connection sees it --

    @property
    def chunked(self) -> bool:
        return self._remaining is None

    def receive(self, data: bytes) -> None:
        self._inbox.append(data)
        self.unread += len(data)
        self.connection.wake(self)

    def complete(self) -> None:
        self.whole = True
        self.connection.wake(self)

    def drop(self) -> int:
        size, self.unread = self.unread, 0
        self._inbox.clear()
        return size

    # -- inside --

    def _start(self, message: HTTPResponseStart) -> None:
        self.status = message["status"]
        if type(self.status) is not int or not 200 <= self.status <= 999:
            raise UnexpectedMessage(
                f"status {self.status!r}: a final response has an int from 200"
            )
        self._remaining, self.close = None, False
        service = self.connection.service
        fields: FieldList = []
        own: set[bytes] = set()
        try:
            for name, value in message.get("headers", ()):
                name = name.lower()
                if not (_TOKEN(name) and _VALUE(value)):
                    raise _bad_field(name, value)
                if name not in service.read_by_us:
                    fields.append((name, value))
                elif self._is_sent(name, value):
                    fields.append((name, value))
                    own.add(name)
        except (TypeError, AttributeError, ValueError) as error:
            raise UnexpectedMessage(
                "'headers' of 'http.response.start' has to be an iterable of "
                f"(bytes, bytes) pairs: {error}"
            ) from None
        self._advance(message["type"], message.get("trailers", False))
        fields += [line for line in service.fields if line[0] not in own]
        self._fields = fields

    def _is_sent(self, name: bytes, value: bytes) -> bool:
        """Note what a field says to the server, and tell whether it is sent
        as it is."""
        if name == b"content-length":
            if self._remaining is not None or not value.isdigit():
                raise _bad_field(name, value)
            self._remaining = int(value)
            return self.status != 204  # RFC 9110 8.6: must not be sent
        if name == b"connection":
            self.close = self.close or b"close" in value.lower()
        return name not in _HOP_BY_HOP

    def _body(self, message: HTTPResponseBody) -> int:
        data, more = message.get("body", b""), message.get("more_body", False)
        if type(data) is not bytes:
            data = _octets(data)
        self._advance("http.response.body", more)
        last = self.state == "done"
        fields, self._fields = self._fields, None
        if self.method == "HEAD" or self.status in (204, 304):
            # RFC 9110 6.4.1: no content, whatever the application sends.
            data, self._remaining = b"", 0
        elif self._remaining is not None:
            self._remaining -= len(data)
            if self._remaining < 0 or (self._remaining and not more):
                self._refuse_length(fields)
        elif fields is not None and last:
            # It is whole, so its length is known: no need for chunks.
            fields.append((b"content-length", b"%d" % len(data)))
            self._remaining = 0
        self.sent += len(data)
        if fields is not None:
            self.connection.respond(self, self.status, fields, data, not last)
        elif data or last:
            self.connection.write(self, data, not last)
        return len(data)

    def _refuse_length(self, fields: FieldList | None) -> NoReturn:
        """Go back to before the message, and refuse it."""
        before = {"done": "started", "trailing": "started+"}
        self.state = before.get(self.state, self.state)
        self._fields = fields
        assert self._remaining is not None
        wrong = "longer" if self._remaining < 0 else "shorter"
        raise UnexpectedMessage(
            f"the content is {wrong} than the content-length that was "
            "announced"
        )

    def _answer_500(self) -> None:
        body = b"Internal Server Error"
        self.state = "waiting"
        self._fields = None
        self.status = 500
        self.send(
            {
                "type": "http.response.start",
                "status": 500,
                "headers": [(b"content-type", b"text/plain; charset=utf-8")],
            }
        )
        self.send({"type": "http.response.body", "body": body})


class Scopes:
    """The scopes of a connection: what they have in common is made once."""

    __slots__ = ("_common", "_extensions", "_peer", "_root_path", "_service")

    def __init__(
        self, service: Service, peer: Peer, root_path: str | None = None
    ) -> None:
        self._service = service
        self._peer = peer
        self._root_path = service.root_path if root_path is None else root_path
        self._extensions: Extensions = {
            "http.response.trailers": {},
            "http.response.early_hint": {},
        }
        if peer.tls is not None:
            self._extensions["tls"] = peer.tls
        self._common: HTTPScope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.5"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "https" if peer.secure else "http",
            "path": "/",
            "query_string": b"",
            "root_path": self._root_path,
            "headers": (),
            "client": peer.client,
            "server": peer.server,
        }

    def http(self, stream: HTTPStream, head: Head) -> HTTPScope:
        """Return the scope of a request."""
        service = self._service
        origin = self if service.proxied is None else self._proxied(head)
        scope = origin._common.copy()
        scope["asgi"] = {"version": "3.0", "spec_version": "2.5"}
        scope["http_version"] = head.version
        scope["method"] = head.method
        scope["path"] = origin._root_path + unquote(head.path)
        scope["raw_path"] = origin._root_path.encode() + head.path
        scope["query_string"] = head.query
        scope["headers"] = head.fields
        scope["extensions"] = extensions = origin._extensions.copy()
        extensions["microquart.disconnect"] = {"watch": stream.watch}
        if service.state is not None:
            scope["state"] = service.state.copy()
        return scope

    def websocket(
        self, stream: Stream, head: Head, subprotocols: list[str]
    ) -> WebSocketScope:
        """Return the scope of a WebSocket."""
        service = self._service
        origin = self if service.proxied is None else self._proxied(head)
        peer = origin._peer
        extensions: Extensions = {
            "websocket.http.response": {},
            "microquart.disconnect": {"watch": stream.watch},
        }
        if peer.tls is not None:
            extensions["tls"] = peer.tls
        scope: WebSocketScope = {
            "type": "websocket",
            "asgi": {"version": "3.0", "spec_version": "2.5"},
            "http_version": head.version,
            "scheme": "wss" if peer.secure else "ws",
            "path": origin._root_path + unquote(head.path),
            "raw_path": origin._root_path.encode() + head.path,
            "query_string": head.query,
            "root_path": origin._root_path,
            "headers": head.fields,
            "client": peer.client,
            "server": peer.server,
            "subprotocols": subprotocols,
            "extensions": extensions,
        }
        if service.state is not None:
            scope["state"] = service.state.copy()
        return scope

    def _proxied(self, head: Head) -> "Scopes":
        """Return the scopes of who asks, when it was a proxy that connected.

        The fields are then as the proxy got them.
        """
        proxied = self._service.proxied
        assert proxied is not None
        peer, head.fields, root_path = proxied(self._peer, head.fields)
        return Scopes(self._service, peer, root_path)


def checked_fields(headers: Fields) -> FieldList:
    """Return field lines of the application as a list, names in lower case.

    Raises:
        UnexpectedMessage: a name is no token, or a value has a control
            character, which could split the response in two.
    """
    fields = []
    try:
        for name, value in headers:
            name = name.lower()
            if not (_TOKEN(name) and _VALUE(value)):
                raise _bad_field(name, value)
            if name not in _HOP_BY_HOP:
                fields.append((name, value))
    except (TypeError, AttributeError, ValueError) as error:
        raise UnexpectedMessage(
            f"headers have to be (bytes, bytes) pairs: {error}"
        ) from None
    return fields


def _octets(data: object) -> bytes:
    if isinstance(data, bytes | bytearray | memoryview):
        return bytes(data)
    raise UnexpectedMessage(
        f"'body' of 'http.response.body' is a {type(data).__name__}: "
        "it has to be bytes"
    )


def _bad_field(name: bytes, value: bytes) -> UnexpectedMessage:
    return UnexpectedMessage(
        f"field {name!r}: {value!r} cannot be sent: a name is a token, a "
        "value has no control characters (RFC 9110, section 5.5)"
    )
